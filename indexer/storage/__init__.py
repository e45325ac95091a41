"""SQLite or PostgreSQL through SQLAlchemy: the only SQL of the program."""
