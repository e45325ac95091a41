"""The page Find: the query, the verdict, the hits, and making what is missing."""
