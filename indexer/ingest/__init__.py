"""From sources to stored embeddings: scan, compare, read ahead, encode, write, report."""
