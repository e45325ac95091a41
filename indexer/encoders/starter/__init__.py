"""The embedded default encoder: frozen towers with trained heads."""
