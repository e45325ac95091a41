"""Words of items, found by BM25 in either database."""
