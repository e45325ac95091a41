"""Serve the page: serve."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .options import common, settings

if TYPE_CHECKING:
    from .options import Commands


def add_serve(commands: Commands) -> None:
    """Add ``serve``."""
    serve = commands.add_parser("serve", parents=[common()], help="open the page in a browser")
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine only)"
    )
    serve.add_argument("--port", type=int, default=8501, help="port to listen on (8501)")
    serve.add_argument("--no-browser", action="store_true", help="do not open a browser")
    serve.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    from ui import serve

    return serve.run(settings(options), host=options.host, port=options.port, browser=not options.no_browser)
