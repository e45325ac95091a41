"""A captioned catalogue of six colours, calibrated on itself, that lacks yellow."""

import atexit
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from indexer import Collection, index_sources, open_source
from indexer.collection.server_address import address_of, link
from search import Searcher, find_calibration
from tests.colour_encoder import COLOURS, ColourEncoder
from tests.colour_pictures import encoded
from tests.postgres_server import RUNNING

HELD = tuple(name for name in COLOURS if name != "yellow")


def write_shelf(folder, count=96):
    """Write pictures with captions: item n shows colour ``HELD[(n - 1) % 6]``."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        colour = HELD[number % len(HELD)]
        path = folder / f"{number:03}.png"
        path.write_bytes(encoded(colour, seed=number))
        path.with_suffix(".txt").write_text(f"a {colour} picture")
    return folder


def make_shelf(tmp_path):
    """Give a calibrated searcher over a collection of its own; it is copied, for fitting takes seconds."""
    folder = tmp_path / "shelf"
    shutil.copytree(_fitted(), folder)
    if address := address_of(folder):  # with --on-server
        link(folder, RUNNING[0].copy(address))
    return Searcher(Collection.open(folder), ColourEncoder(), calibrated=find_calibration)


@lru_cache(maxsize=1)
def _fitted():
    folder = Path(tempfile.mkdtemp(prefix="findmake-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    encoder = ColourEncoder()
    collection = Collection.create(folder / "shelf", encoder)
    index_sources(collection, encoder, [open_source(write_shelf(folder / "pictures"))])
    assert Searcher(collection, encoder, calibrated=find_calibration).calibration() is not None
    collection.close()
    return folder / "shelf"
