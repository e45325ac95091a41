"""A collection: its database, its indexes and its lock behind one class, in a folder or on servers."""
