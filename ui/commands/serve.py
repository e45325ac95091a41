"""Serve the page or the API: serve."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .options import common, say, settings

if TYPE_CHECKING:
    from .options import Commands

_PAGE_PORT = 8501


def add_serve(commands: Commands) -> None:
    """Add ``serve``."""
    help_text = "open the page in a browser; with --api, answer programs over HTTP"
    serve = commands.add_parser("serve", parents=[common()], help=help_text)
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine only)"
    )
    serve.add_argument("--port", type=int, help="port to listen on (8501; 8502 for the API)")
    serve.add_argument("--no-browser", action="store_true", help="do not open a browser")
    help_text = (
        "let files below be indexed from the page or the API; without, the page of this machine takes any"
    )
    serve.add_argument("--allow", action="append", default=[], type=Path, metavar="DIR", help=help_text)
    api = serve.add_argument_group("the API")
    api.add_argument("--api", action="store_true", help="serve the HTTP API instead of the page")
    api.add_argument("--token", help="that every request must carry; better: FINDMAKE_API_TOKEN")
    api.add_argument("--no-token", action="store_true", help="let other machines ask without a token")
    api.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="let scripts of such pages ask (CORS)"
    )
    api.add_argument("--show-paths", action="store_true", help="tell in answers where files are")
    api.add_argument("--generator", metavar="NAME", help="for /fill (starter)")
    api.add_argument("--max-upload", type=float, default=20, metavar="MB", help="of a request (20)")
    help_text = "requests a second, by client and process (50)"
    api.add_argument("--rate", type=float, default=50, metavar="N", help=help_text)
    help_text = "processes that answer; about one for each core (1)"
    api.add_argument("--workers", type=int, default=1, metavar="N", help=help_text)
    serve.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    if options.api:
        return _serve_api(options)
    from ui.server import page as serve

    port = _PAGE_PORT if options.port is None else options.port
    chosen = settings(options)
    chosen = replace(chosen, allow=_allowed(options) or chosen.allow)
    return serve.run(chosen, host=options.host, port=port, browser=not options.no_browser, say=say)


def _serve_api(options: argparse.Namespace) -> int:
    from ui.api import run
    from ui.api.options import DEFAULT_PORT, ApiOptions

    chosen = settings(options)
    served = ApiOptions(
        host=options.host,
        port=DEFAULT_PORT if options.port is None else options.port,
        token=options.token or chosen.api_token,
        origins=tuple(origin.rstrip("/") for origin in options.origin),
        roots=_allowed(options) or chosen.allow,
        show_paths=options.show_paths,
        generator=options.generator or chosen.generator,
        most_bytes=round(options.max_upload * 1e6),
        rate=options.rate,
        burst=max(round(4 * options.rate), 1),
        workers=options.workers,
    )
    return run.run(chosen, served, no_token=options.no_token, say=say)


def _allowed(options: argparse.Namespace) -> tuple[Path, ...]:
    return tuple(root.expanduser().absolute() for root in options.allow)
