"""Tables, and what the two databases say in different words."""
