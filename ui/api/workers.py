"""The API by several processes that share one port: Python runs in one core, and a shop's server has more.

uvicorn starts them, replaces one that died, and ends them all. Each opens the collection by itself; what
they write goes through its database, and so do their jobs.
"""

from __future__ import annotations

import socket
import sys
import tempfile
from functools import partial
from typing import TYPE_CHECKING

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors.multiprocess import Multiprocess

from indexer import FindmakeError
from ui.settings import Settings, count_together

from .options import SERVER, ApiOptions

if TYPE_CHECKING:
    from fastapi import FastAPI

_HUNG_S = 15  # without a sign of life; as long as it may take to notice one that dies while it begins


def run_workers(settings: Settings, options: ApiOptions, listening: socket.socket) -> int:
    """Serve until somebody stops it; return an exit code, above 0 if a process could not begin.

    Args:
        settings: which collection.
        options: how to serve it, and by how many processes.
        listening: the port, taken.
    """
    with tempfile.TemporaryDirectory(prefix="findmake-metrics-") as figures:
        count_together(figures)  # so that any of them can tell the figures of all
        config = Config(
            partial(make_app, settings, options),
            factory=True,
            workers=options.workers,
            timeout_worker_healthcheck=_HUNG_S,
            **SERVER,
        )
        supervisor = Multiprocess(config, sockets=[listening])
        supervisor.run()
    return int(any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes))


def make_app(settings: Settings, options: ApiOptions) -> FastAPI:
    """Make the application of one process, with its model loaded; else end it, and so all of them."""
    from .app import create_app
    from .service import Service

    try:
        service = Service(settings, options)
        service.warm_up()
    except FindmakeError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(STARTUP_FAILURE) from None
    return create_app(service)
