"""Starting the page, and the port and threads of a server."""
