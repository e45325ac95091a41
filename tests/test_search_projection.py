"""Projection: what is alike lies together, the same rows lie the same, others find their place."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from search import SurveyStopped, project
from search.map.projection import place, principal


def groups(count, each, dim=32, seed=0):
    """Unit rows around ``count`` directions, and the number of each row's group."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.normal(size=(count, dim)), each, axis=0) + 0.3 * rng.normal(size=(count * each, dim))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return rows, np.repeat(np.arange(count), each)


def own_group(points, labels):
    """The share of points whose nearest other point is of their group."""
    away = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(away, np.inf)
    return float((labels[away.argmin(axis=1)] == labels).mean())


def test_groups_stay_together_and_neighbours_neighbours():
    rows, labels = groups(6, 30)
    points = project(rows)
    assert points.shape == (180, 2)
    assert points.dtype == np.float32
    assert np.abs(points).max() == pytest.approx(1)
    assert own_group(points, labels) > 0.98
    assert trustworthiness(rows, points, n_neighbors=5, metric="cosine") > 0.9


def test_the_same_rows_lie_the_same():
    rows, _ = groups(3, 20)
    assert np.array_equal(project(rows), project(rows.copy()))


def test_of_many_only_a_sample_is_laid_out_and_the_others_find_their_group():
    rows, labels = groups(6, 40)
    points = project(rows, landmarks=80)
    assert points.shape == (240, 2)
    assert own_group(points, labels) > 0.98


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 9])
def test_a_handful_can_be_laid_out(count):
    points = project(groups(1, max(count, 1))[0][:count])
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()


def test_equal_rows_do_no_harm():
    points = project(np.ones((8, 4), np.float32) / 2)
    assert np.isfinite(points).all()


def test_a_copy_lies_on_its_original_and_never_between_two_groups():
    rows, labels = groups(2, 10)
    points = np.where(labels[:, None] == 0, [[-1.0, 0.0]], [[1.0, 0.0]]).astype(np.float32)
    points += np.linspace(0, 0.01, 20, dtype=np.float32)[:, None]
    assert np.allclose(place(rows, points, rows), points, atol=1e-3)
    half = rows[0] + rows[-1]
    [placed] = place(rows, points, half[None] / np.linalg.norm(half))
    assert abs(placed[0]) > 0.9


def test_principal_components_are_those_of_the_rows():
    rows, _ = groups(4, 10, dim=8)
    found = principal(rows, 3)
    singular = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    assert np.allclose(np.linalg.norm(found, axis=0), singular[:3], rtol=1e-4)


def test_it_tells_how_far_it_is_and_stops_when_told():
    rows, _ = groups(3, 20)
    heard = []
    project(rows, landmarks=30, on_step=lambda doing, share: heard.append(share) or True)
    assert heard == sorted(heard)
    assert len(heard) == 2
    with pytest.raises(SurveyStopped):
        project(rows, on_step=lambda doing, share: False)


def test_a_sample_of_one_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        project(groups(1, 5)[0], landmarks=1)
