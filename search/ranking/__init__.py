"""One ranking of pictures, texts and words, and what happens to it before it is shown."""
