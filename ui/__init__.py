"""Every way in: command line, page, settings."""
