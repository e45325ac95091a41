"""The HTTP API: FastAPI over one collection. Importing this package loads nothing; see ``run``."""
