"""Answers and reports as JSON, CSV, tables and a progress line."""
