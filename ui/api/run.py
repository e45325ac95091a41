"""Serve the API until it is stopped."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from indexer import FindmakeError
from ui.server.port import address_of, listen
from ui.settings import Settings

from .options import SERVER, ApiOptions, check_open

if TYPE_CHECKING:
    import uvicorn

_NEEDED = ("fastapi", "uvicorn", "multipart", "prometheus_client")


class ApiUnavailable(FindmakeError):
    """What the API is made with is not installed."""

    exit_code = 5

    def __init__(self, missing: str) -> None:
        self.missing = missing
        super().__init__(
            f"The API needs {missing}, which is not installed. Install it with: pip install 'findmake[api]'"
        )


def run(settings: Settings, options: ApiOptions, *, no_token: bool, say: Callable[[str], None]) -> int:
    """Serve the API until it is stopped; return its exit code.

    Args:
        settings: which collection.
        options: how to serve it.
        no_token: serve to other machines without a token.
        say: told where it listens.

    Raises:
        ApiUnavailable: the packages are not installed.
        CannotServe: it would be open to a network without a token, or the port is taken.
        CollectionNotFound: there is no collection.
        ModelUnavailable: its model is not here.
    """
    for package in _NEEDED:
        if importlib.util.find_spec(package) is None:
            raise ApiUnavailable(package)
    check_open(options, no_token=no_token)
    from .service import Service

    listening = listen(options.host, options.port)
    with listening:
        service = Service(settings, options)
        say(f"Loading the model {service.collection.spec.name} ...")
        service.warm_up()
        items = f"Serving {len(service.collection):,} items at {address_of(listening)}"
        if options.workers > 1:
            from .workers import run_workers

            service.close()  # each process has its own; this one has seen that it can be had
            del service
            say(f"{items} by {options.workers} processes (stop: Ctrl-C)")
            return run_workers(settings, options, listening)
        say(f"{items} (stop: Ctrl-C)")
        with suppress(KeyboardInterrupt):  # the server has ended in good order, and passes it on
            server(service).run(sockets=[listening])
    return 0


def server(service: object) -> uvicorn.Server:
    """Make the server of an application; the caller gives it a socket."""
    import uvicorn

    from .app import create_app
    from .service import Service

    assert isinstance(service, Service)
    return uvicorn.Server(uvicorn.Config(create_app(service), **SERVER))
