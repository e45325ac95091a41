"""Decode any picture safely, within memory, to 8-bit RGB."""
