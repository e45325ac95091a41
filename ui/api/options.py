"""How the API is served: who may ask, how much, and what is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ui.server.port import CannotServe, is_loopback

DEFAULT_PORT = 8502
SERVER: dict[str, Any] = {
    "log_level": "warning",
    "access_log": False,  # what people search for is nobody's business; see /metrics
    "server_header": False,
    "proxy_headers": False,  # any client could claim to be another
    "timeout_keep_alive": 30,
    "timeout_graceful_shutdown": 5,
}
"""How uvicorn is set up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions:
    """How the API is served.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 for any free one.
        token: that every request must carry; None for none.
        origins: of web pages whose scripts may ask, such as ``https://shop.example``; none by default.
        roots: folders below which files may be registered by their paths; none by default.
        show_paths: whether answers tell where files are on this machine.
        generator: name of the generator for ``/fill``.
        most_bytes: of a request's body.
        most_pixels: of an uploaded picture.
        seconds: that a request may take; streams of events are exempt.
        rate: requests a second that one client may make of a process in the long run.
        burst: requests that it may make at once.
        workers: processes that answer.
        window_ms: how long an encoding waits to share a batch, for each other request that is being answered;
            0 for no batches at all.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    roots: tuple[Path, ...] = ()
    show_paths: bool = False
    generator: str = "starter"
    most_bytes: int = 20_000_000
    most_pixels: int = 50_000_000
    seconds: float = 30.0
    rate: float = 50.0
    burst: int = 200
    workers: int = 1
    window_ms: float = 4.0

    def __post_init__(self) -> None:
        """Check what would otherwise fail at the first request.

        Raises:
            CannotServe: a value is out of its range.
        """
        if self.token is not None and (len(self.token) < 16 or not self.token.isascii()):
            hint = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            raise CannotServe("with this token", "it must have at least 16 ASCII characters", hint)
        for name in ("most_bytes", "most_pixels", "seconds", "rate", "burst", "workers"):
            if not getattr(self, name) > 0:
                raise CannotServe(
                    f"with {name} {getattr(self, name)}", "it must be above 0", "Give a number."
                )
        for origin in self.origins:
            if origin != "*" and not origin.startswith(("http://", "https://")):
                hint = "Write it as the browser sends it: --origin https://shop.example"
                raise CannotServe(f"pages of {origin!r}", "an origin begins with http:// or https://", hint)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)


def check_open(options: ApiOptions, *, no_token: bool) -> None:
    """Make sure that nobody opens a collection to a network by accident.

    Args:
        options: as to be served.
        no_token: the person said that no token is wanted.

    Raises:
        CannotServe: other machines could ask without a token.
    """
    if options.token is None and not options.is_local and not no_token:
        raise CannotServe(
            f"at {options.host} without a token",
            "every machine that reaches this one could search, add and delete",
            "Set FINDMAKE_API_TOKEN (or --token TOKEN), listen on 127.0.0.1, or say --no-token if a proxy in "
            "front of it asks who is there.",
        )
