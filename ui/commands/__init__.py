"""The commands: one module for each group, each with functions that add a command to the parser."""
