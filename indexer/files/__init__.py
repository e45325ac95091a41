"""Writing a file as a whole or not at all, and warnings that belong to one thread."""
