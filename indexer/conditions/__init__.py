"""What a filter means, as a tree of conditions on the fields of items."""
