"""A real server of the API on a free port, with the tiny encoder and the tiny generator."""

import threading
import time
from contextlib import contextmanager

from tests.colour_encoder import ColourEncoder
from tests.colour_generator import ColourGenerator
from tests.gap_shelf import make_shelf
from ui.api.client import Client
from ui.api.options import ApiOptions
from ui.api.run import server
from ui.api.service import Service
from ui.server.port import address_of, listen
from ui.settings import Settings

TOKEN = "a-token-of-two-dozen-signs"


@contextmanager
def serving(tmp_path, *, encoder=None, generator=ColourGenerator, settings=None, **options):
    """Serve the shelf without yellow; gives its address and the service."""
    if not (tmp_path / "shelf").exists():
        make_shelf(tmp_path).collection.close()
    settings = settings or Settings(collection=tmp_path / "shelf")
    service = Service(
        settings,
        ApiOptions(**options),
        encoder=encoder or ColourEncoder(),
        open_generator=lambda _name: generator(),
    )
    service.warm_up()
    running = server(service)
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            for _ in range(500):
                if running.started:
                    break
                time.sleep(0.01)
            yield address_of(listening), service
        finally:
            running.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@contextmanager
def client_of(tmp_path, *, token=None, **options):
    """A client of such a server."""
    with serving(tmp_path, token=token, **options) as (address, _), Client(address, token=token) as client:
        yield client
