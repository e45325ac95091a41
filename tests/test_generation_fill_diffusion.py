"""Filling and making again with a real, tiny Stable Diffusion: what it is asked for, the same bits again."""

import numpy as np
import pytest

from generation import BadRequest, FillOptions, candidate_png, fill_gap, load_generator, regenerate
from indexer import add_generated
from search import parse_query
from tests.gap_shelf import make_shelf
from tests.tiny_diffusion import save_ip_adapter, save_pipeline

YELLOW = parse_query(["yellow - red"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_pipeline(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    return save_ip_adapter(tmp_path_factory.mktemp("adapters") / "ip")


@pytest.fixture
def searcher(tmp_path):
    made = make_shelf(tmp_path)
    yield made
    made.collection.close()


def kept_anyway(searcher, report):
    """Keep the best candidate as filling would, for random weights convince nobody."""
    best = report.candidates[0]
    row = searcher.encoder.encode_images([best.image])[0]
    png = candidate_png(best)
    return add_generated(searcher.collection, png, embedding=row, provenance=best.provenance).id


@pytest.mark.parametrize(
    "how",
    [
        {"candidates": 2, "size": (32, 32)},
        {"start": "nearest", "strength": 0.6, "guidance": 3.0},
        {"styled": True, "neighbours": 2, "style_weight": 0.7},
    ],
    ids=["words", "start", "style"],
)
def test_a_stable_diffusion_makes_the_same_bits_again(searcher, folder, adapter, how):
    styled = how.pop("styled", False)

    def load():
        return load_generator(folder, device="cpu", ip_adapter=adapter if styled else None)

    options = FillOptions(**{"candidates": 1, "steps": 3, "seed": 11, "force": True, "kind": "photo"} | how)
    report = fill_gap(searcher, load(), YELLOW, options)
    assert (report.outcome, report.kept) == ("not convincing", ())
    told = report.candidates[0].provenance
    assert told.prompt.startswith("photo of yellow")
    assert told.negative_prompt.startswith("red, ")
    item_id = kept_anyway(searcher, report)
    again = regenerate(searcher.collection, load(), item_id)
    assert (again.equal, again.differences) == (True, ())


def test_a_long_query_is_cut_to_the_room_in_the_text_tower(searcher, folder):
    generator = load_generator(folder, device="cpu")
    long = parse_query([" ".join(f"yellow{number}" for number in range(60))])
    report = fill_gap(
        searcher, generator, long, FillOptions(candidates=1, steps=2, force=True, kind="product")
    )
    assert "soft studio light" in report.prompt.left_out
    # The tiny model's tokenizer makes more tokens of a word than CLIP's does, so the model may cut once more.
    assert report.prompt.text.startswith(report.candidates[0].settings.prompt)


def test_a_wish_that_the_model_cannot_serve_is_told(searcher, folder):
    generator = load_generator(folder, device="cpu")
    with pytest.raises(BadRequest):
        fill_gap(searcher, generator, YELLOW, FillOptions(force=True, size=(33, 32), steps=2))
    assert not np.any(searcher.collection.store.apart())
