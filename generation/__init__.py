"""From what is lacking to pictures that are made, verified and marked."""
