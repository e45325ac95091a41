"""Serves the API by two processes, with the tiny encoder: ``python -m tests.serve_by_workers COLLECTION``."""

import sys
from pathlib import Path

from tests.colour_encoder import ColourEncoder
from ui import services
from ui.api import running
from ui.api.options import ApiOptions
from ui.settings import Settings

services.load_encoder = lambda *_, **__: ColourEncoder()  # in each process, for each imports this module


def say(told):
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    options = ApiOptions(port=0, workers=2)
    settings = Settings(collection=Path(sys.argv[1]))
    sys.exit(running.run(settings, options, no_token=False, say=say))
