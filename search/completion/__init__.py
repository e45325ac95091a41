"""Query completion: the model, its training, its baseline."""
