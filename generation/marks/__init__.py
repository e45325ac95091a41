"""Marks in a generated file: metadata, signed credentials, a watermark."""
