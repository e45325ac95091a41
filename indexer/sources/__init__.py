"""Sources: where items come from. Folders, tables and text files."""
