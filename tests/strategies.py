"""Hypothesis strategies shared by the tests."""

import numpy as np
from hypothesis import strategies as st


def unit_rows(n, dim, seed, repeats=1):
    """Draw n unit rows; with repeats > 1 only n // repeats differ, so that scores tie."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(max(1, -(-n // repeats)), dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[rng.integers(0, len(rows), n)]


@st.composite
def vector_sets(draw, max_n=60):
    """Draw ids, their unit rows and a query; small dims and repeats make ties common."""
    n = draw(st.integers(0, max_n))
    dim = draw(st.sampled_from([1, 2, 3, 8, 17, 64]))
    ids = draw(st.lists(st.integers(0, 2**40), min_size=n, max_size=n, unique=True))
    repeats = draw(st.sampled_from([1, 3, max(1, n)]))
    seed = draw(st.integers(0, 2**16))
    return np.array(ids, np.int64), unit_rows(n, dim, seed, repeats), unit_rows(1, dim, seed + 1)[0]
