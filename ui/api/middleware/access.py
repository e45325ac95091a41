"""What stands before every request: who may ask, from where, how often and for how long. Plain ASGI."""

from __future__ import annotations

import asyncio
import hmac
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...server.port import is_loopback
from ..options import ApiOptions
from ..problems import plain

OPEN_PATHS = frozenset({"/health", "/openapi.json"})
"""Paths that say nothing about what is in the collection; they need no token, and none is counted."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]+)?")
_CLIENTS = 10_000  # remembered by the rate limit; the one that was quiet longest is forgotten first


class Gate:
    """Turns away who may not ask.

    With a token, whoever has it may. Without one, the API listens on this machine alone, and a page that a
    person of this machine looks at must not be able to ask in their name: so the Host must be this machine's
    (else DNS rebinding), and what changes anything must not come from a foreign page (cross-site request
    forgery).
    """

    def __init__(self, app: ASGIApp, options: ApiOptions) -> None:
        self._app = app
        self._options = options
        self._buckets = Buckets(options.rate, options.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is None:
            await self._app(scope, receive, send)
        else:
            status, detail, headers = refused
            await plain(status, detail, headers)(scope, receive, send)

    def _refused(self, scope: Scope) -> tuple[int, str, dict[str, str]] | None:
        headers = Headers(scope=scope)
        if why := self._foreign(headers, scope["method"]):
            return 403, why, {}
        if scope["path"] in OPEN_PATHS:
            return None
        client = scope["client"][0] if scope.get("client") else ""
        wait = self._buckets.take(client)
        if wait:
            detail = (
                f"Too many requests: {self._options.rate:g} a second are allowed. Wait {wait} s, try again."
            )
            return 429, detail, {"Retry-After": str(wait)}
        if self._options.token is not None and not self._knows(headers.get("authorization", "")):
            detail = "A token is needed. Send it as 'Authorization: Bearer TOKEN'."
            return 401, detail, {"WWW-Authenticate": 'Bearer realm="findmake"'}
        return None

    def _knows(self, authorization: str) -> bool:
        """Compare the token in a time that does not tell how much of it is right."""
        scheme, _, token = authorization.partition(" ")
        expected = (self._options.token or "").encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode("latin-1"), expected)

    def _foreign(self, headers: Headers, method: str) -> str | None:
        """Say why a request seems to come from a page that must not ask; None if it does not."""
        if self._options.token is not None:
            return None
        host = headers.get("host", "")
        name = _HOST.fullmatch(host)
        if self._options.is_local and not (name and is_loopback(name[1])):
            return f"The host {host[:100]!r} is not this machine. Ask for 127.0.0.1 or localhost."
        origin = headers.get("origin")
        if method in _SAFE or origin is None or "*" in self._options.origins:
            return None
        if origin in self._options.origins or urlsplit(origin).netloc == host:
            return None
        return f"Pages of {origin[:100]!r} may not change anything here. Allow them with --origin."


class Buckets:
    """A token bucket for each client: so many requests at once, and so many a second in the long run.

    Args:
        rate: requests a second.
        burst: requests at once.
        clock: seconds.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> int:
        """Count a request; return 0 if it may go on, else the seconds to wait."""
        now = self._clock()
        left, at = self._clients.pop(client, (float(self._burst), now))
        left = min(self._burst, left + (now - at) * self._rate)
        wait = 0 if left >= 1 else math.ceil((1 - left) / self._rate)
        self._clients[client] = (left - (wait == 0), now)
        if len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        return wait


class Patience:
    """Gives up on a request that takes too long: a slow upload, or a slow answer that has not begun.

    A thread that works for it goes on to its end, for threads cannot be stopped; nobody waits for it.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, for so long."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if not begun:
                begun = True
                limit.reschedule(None)  # an answer that has begun may flow: pictures, events
            await send(message)

        try:
            async with asyncio.timeout(self._seconds) as limit:
                await self._app(scope, receive, sending)
        except TimeoutError:
            if begun:
                raise
            detail = f"It took longer than {self._seconds:g} s. Send less, ask for less, or try again later."
            await plain(504, detail)(scope, receive, send)


class Sized:
    """Tells as a problem what the framework's limit on bodies tells as plain text; goes around it."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = RequestBodyLimitMiddleware(app, most_bytes)
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and look at its answer."""
        too_large = False

        async def sending(message: Message) -> None:
            nonlocal too_large
            if message["type"] == "http.response.start" and message["status"] == 413:
                too_large = True
                detail = f"The request has more than {self._most_bytes / 1e6:g} MB. Send a smaller picture."
                await plain(413, detail)(scope, receive, send)
            elif not too_large:
                await send(message)

        await self._app(scope, receive, sending)
