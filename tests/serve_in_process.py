"""A process that serves the API, to be killed: ``python -m tests.serve_in_process COLLECTION``."""

import sys
from pathlib import Path

from tests.colour_encoder import ColourEncoder
from tests.colour_generator import ColourGenerator
from ui.api.options import ApiOptions
from ui.api.run import server
from ui.api.service import Service
from ui.server.port import address_of, listen
from ui.settings import Settings

if __name__ == "__main__":
    service = Service(
        Settings(collection=Path(sys.argv[1])),
        ApiOptions(),
        encoder=ColourEncoder(),
        open_generator=lambda _name: ColourGenerator(),
    )
    with listen("127.0.0.1", 0) as listening:
        sys.stdout.write(address_of(listening) + "\n")
        sys.stdout.flush()
        server(service).run(sockets=[listening])
