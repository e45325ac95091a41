"""The embedded default generator: small pictures from embeddings, as a diffusers pipeline; its training."""
