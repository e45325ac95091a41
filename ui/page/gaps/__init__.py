"""The page Gaps: what was sought and is not here."""
