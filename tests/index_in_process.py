"""A process that indexes a folder, to be killed: ``python -m tests.index_in_process COLLECTION FOLDER``."""

import sys
from pathlib import Path

from indexer import Collection, index_sources, open_source
from tests.colour_encoder import ColourEncoder

if __name__ == "__main__":
    encoder = ColourEncoder()
    collection = Collection.create(Path(sys.argv[1]), encoder)
    print("ready", flush=True)
    index_sources(collection, encoder, [open_source(Path(sys.argv[2]))])
    print("done", flush=True)
