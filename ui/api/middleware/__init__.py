"""What stands before every request: access, limits, metrics."""
