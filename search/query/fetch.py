"""Pictures by URL: from public addresses only, within limits of time and size, every redirect checked again.

Whoever can ask a query could otherwise make this machine read what only it can reach: services on the
loopback, the router's pages, a cloud's metadata (server-side request forgery). So a host's name is resolved
once, all of its addresses must be public, and the connection goes to the very address that was checked: a
name that resolves differently a moment later (DNS rebinding) changes nothing. Proxies of the environment are
not used.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from indexer import decode_image

from ..errors import FetchFailed
from .public_addresses import Address, is_public, look_up

_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 1 << 16
_HEADERS = {
    "Accept": "image/*",
    "Accept-Encoding": "identity",
    "User-Agent": "findmake",
    "Connection": "close",
}
_PROBE_SIDE = 64  # pixels: enough to tell that it decodes


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """What a fetch may do.

    Attributes:
        seconds: for all of it, from the first look-up to the last byte.
        size: bytes of the picture.
        redirects: how many may follow each other.
        ports: that may be asked; None for any.
        allow: says whether an address may be asked.
        tls: how servers are verified; None for the system's authorities.
    """

    seconds: float = 10.0
    size: int = 20_000_000
    redirects: int = 5
    ports: frozenset[int] | None = frozenset({80, 443})
    allow: Callable[[Address], bool] = is_public
    tls: ssl.SSLContext | None = None


DEFAULT_LIMITS = FetchLimits()


def fetch_picture(url: str, *, limits: FetchLimits = DEFAULT_LIMITS) -> bytes:
    """Fetch a picture.

    Args:
        url: its http or https address.
        limits: what the fetch may do.

    Returns:
        The encoded picture, which has been seen to decode.

    Raises:
        FetchFailed: the address is not public, or there is no picture to be had within the limits.
        UnreadableImage: what is there is not a picture, damaged, or has too many pixels.
    """
    deadline = time.monotonic() + limits.seconds
    at = url
    try:
        for _ in range(limits.redirects + 1):
            body, target = _Request(at, limits, deadline).run()
            if target is None:
                decode_image(body, name=url, shorter_side=_PROBE_SIDE)
                return body
            at = _joined(at, target)
    except _Refused as refused:
        through = f" (redirected to {at})" if at != url else ""
        raise FetchFailed(url, f"{refused.reason}{through}") from refused.__cause__
    raise FetchFailed(url, f"it redirects more than {limits.redirects} times")


class _Refused(Exception):
    """Why a request was not made, or failed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class _Request:
    """One request, without following redirects."""

    def __init__(self, url: str, limits: FetchLimits, deadline: float) -> None:
        self._limits = limits
        self._deadline = deadline
        self._url = _checked_url(url)
        self._host = _ascii_host(self._url.hostname or "")
        self._port = _checked_port(self._url, limits)

    def run(self) -> tuple[bytes, str | None]:
        """Give the body and None, or nothing and where it redirects to."""
        addresses = self._resolved()
        try:
            with self._connected(addresses) as connection:
                return self._answer(connection)
        except TimeoutError as error:
            raise self._too_slow() from error
        except ssl.SSLCertVerificationError as error:
            raise _Refused(f"the server's certificate is not valid ({error.verify_message})") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise _Refused(f"the connection to {self._host} failed ({reason})") from error

    def _resolved(self) -> list[Address]:
        """Look the host up, and make sure that all of its addresses may be asked."""
        try:
            addresses = look_up(self._host, self._port, seconds=self._left())
        except TimeoutError as error:
            raise self._too_slow() from error
        except OSError as error:
            raise _Refused(f"the host {self._host!r} cannot be found") from error
        for address in addresses:
            if not self._limits.allow(address):
                raise _Refused(f"the host {self._host!r} is at {address}, which is not a public address")
        return addresses

    def _connected(self, addresses: list[Address]) -> _TimedSocket:
        """Connect to the first of the addresses that answers."""
        failure = OSError("it has no address")
        for place, address in enumerate(addresses):
            seconds = self._left() / (len(addresses) - place)  # one that is silent leaves time for the others
            try:
                plain = socket.create_connection((str(address), self._port), timeout=seconds)
            except OSError as error:
                failure = error
            else:
                return _TimedSocket(self._wrapped(plain), self._left)
        raise failure

    def _wrapped(self, plain: socket.socket) -> socket.socket:
        if self._url.scheme != "https":
            return plain
        context = self._limits.tls or ssl.create_default_context()
        try:
            plain.settimeout(self._left())
            return context.wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise

    def _answer(self, connection: _TimedSocket) -> tuple[bytes, str | None]:
        client = http.client.HTTPConnection(self._host, self._port)
        client.sock = connection  # has all that http.client uses of a socket
        if self._port == (443 if self._url.scheme == "https" else 80):
            client.default_port = self._port  # or it would be named in the Host header
        client.request("GET", _target(self._url), headers=_HEADERS)
        with client.getresponse() as response:
            if response.status in _REDIRECTS:
                target = response.headers.get("Location")
                if not target:
                    raise _Refused("it redirects to nowhere")
                return b"", target
            if response.status != 200:
                raise _Refused(f"the server answers {response.status} {response.reason}".rstrip())
            return self._body(response), None

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        cap = self._limits.size
        if (response.length or 0) > cap:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        while part := response.read1(_CHUNK):
            size += len(part)
            if size > cap:
                raise self._too_large()
            parts.append(part)
        if response.length:
            raise _Refused(f"the connection ended {response.length} bytes before the picture did")
        return b"".join(parts)

    def _left(self) -> float:
        """Give the seconds that are left.

        Raises:
            TimeoutError: none are.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _too_slow(self) -> _Refused:
        return _Refused(f"it took longer than {self._limits.seconds:g} seconds")

    def _too_large(self) -> _Refused:
        return _Refused(f"it has more than {self._limits.size / 1e6:g} MB")


class _TimedSocket:
    """A socket for http.client whose every read and write ends at one deadline.

    A timeout of the socket itself starts anew with each byte, so that a server could drip them for ever.
    """

    def __init__(self, wrapped: socket.socket, left: Callable[[], float]) -> None:
        self._socket = wrapped
        self._left = left

    def __enter__(self) -> _TimedSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._left())
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._socket, self._left))

    def close(self) -> None:
        """Do nothing: http.client closes before it reads the body."""


class _TimedReader(io.RawIOBase):
    def __init__(self, wrapped: socket.socket, left: Callable[[], float]) -> None:
        self._socket = wrapped
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._left())
        return self._socket.recv_into(buffer)


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError as error:
        raise _Refused(f"it redirects to {target!r}, which is not a URL") from error


def _checked_url(url: str) -> SplitResult:
    """Split a URL that may be asked for."""
    if any(character <= " " or character == "\x7f" for character in url):
        raise _Refused("it holds a space or a control character")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _Refused(f"it is not a URL ({error})") from error
    if parts.scheme not in ("http", "https"):
        raise _Refused("only http and https are fetched")
    if parts.username is not None or parts.password is not None:
        raise _Refused("it holds a user name or password")
    if not parts.hostname:
        raise _Refused("it names no host")
    return parts


def _ascii_host(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise _Refused(f"the host {host!r} is not a valid name") from error


def _checked_port(url: SplitResult, limits: FetchLimits) -> int:
    try:
        port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError as error:
        raise _Refused("its port is not a number up to 65535") from error
    if limits.ports is not None and port not in limits.ports:
        raise _Refused(f"it asks for port {port}, not for one of {sorted(limits.ports)}")
    return port


def _target(url: SplitResult) -> str:
    """Write path and query as a request line has them."""
    path = quote(url.path, safe="/%:@!$&'()*+,;=~-._") or "/"
    return f"{path}?{quote(url.query, safe='/%:@!$&()*+,;=~-._?')}" if url.query else path
