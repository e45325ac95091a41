"""Encoders: pictures and texts to embeddings. The only owner of torch and open_clip besides adapt."""
