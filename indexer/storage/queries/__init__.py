"""Questions about items, each one statement: ids of a condition, facets, orders, counts by date."""
