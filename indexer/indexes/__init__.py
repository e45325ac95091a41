"""A collection's nearest-neighbour indexes, kept in step with its database, in files or on servers."""
