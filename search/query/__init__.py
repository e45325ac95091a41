"""A query: the languages it is written in, its pictures, and its embedding."""
