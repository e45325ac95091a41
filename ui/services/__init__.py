"""What the command line, the API and the page do, in plain functions."""
