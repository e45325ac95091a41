"""A collection on a plane: projection, contact sheets, and the map as a file."""
