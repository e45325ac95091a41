"""Serves the API by two processes, with the tiny encoder: ``python -m tests.serve_by_workers COLLECTION``."""

import sys
from pathlib import Path

from tests.colour_encoder import ColourEncoder
from ui.api import run
from ui.api.options import ApiOptions
from ui.services import operations
from ui.settings import Settings

operations.load_encoder = lambda *_, **__: ColourEncoder()  # in each process, for each imports this module


def say(told):
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    options = ApiOptions(port=0, workers=2)
    settings = Settings(collection=Path(sys.argv[1]))
    sys.exit(run.run(settings, options, no_token=False, say=say))
