"""The page Library: everything in the collection."""
