"""Nearest-neighbour indexes behind one protocol: exact (NumPy) and faiss."""
