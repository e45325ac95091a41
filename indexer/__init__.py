"""From files, tables and texts to a searchable Collection."""
