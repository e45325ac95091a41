"""A process that keeps made pictures: ``python -m tests.make_in_process COLLECTION COUNT [DIES]``.

DIES is ``before`` or ``after`` the row is written: there the process kills itself, as a power cut would.
"""

import os
import signal
import sys
import time
from pathlib import Path

from indexer import Collection, CollectionBusy
from indexer.storage.store import Store
from tests.colour_encoder import ColourEncoder
from tests.made_pictures import make


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def main(folder, count, dies=""):
    encoder = ColourEncoder()
    collection = Collection.open(Path(folder))
    if dies == "before":
        Store.write = die
    elif dies == "after":
        written = Store.write
        Store.write = lambda *arguments: die(written(*arguments))
    for seed in range(int(count)):
        while True:
            try:
                make(collection, encoder, seed=seed)
                break
            except CollectionBusy:  # the other process has its turn
                time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
