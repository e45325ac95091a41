"""The page Collection: what it holds, adding to it, how good it is, its doctor."""
