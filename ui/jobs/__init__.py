"""Long work in one thread, with a table that outlives a reload."""
