"""What the library shows: which items, in which order, from when; and surveys of all of them."""
