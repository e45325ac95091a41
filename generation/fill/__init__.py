"""The loop that fills a gap: a wish, candidates, proof, and what is stored."""
