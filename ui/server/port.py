"""Taking a port to serve at, and writing down where that is."""

from __future__ import annotations

import ipaddress
import socket

from indexer import FindmakeError

_MOST = 65_535


class CannotServe(FindmakeError):
    """The page or the API cannot be served like this."""

    def __init__(self, what: str, reason: str, hint: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__(f"Cannot serve {what}: {reason}. {hint}")


def listen(host: str, port: int) -> socket.socket:
    """Take a port; 0 takes one that is free.

    Raises:
        CannotServe: it is taken or no port, or the address is not of this machine.
    """
    if not 0 <= port <= _MOST:
        raise CannotServe(f"at port {port}", f"a port is a number up to {_MOST}", "Give another --port.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # the address is told already
        hint = "Give another --port, or another --host."
        raise CannotServe(f"at {host} port {port}", reason, hint) from error
    # What it accepts inherits this. Otherwise an answer's body waits until the client has confirmed its head,
    # which takes 40 ms: asyncio turns that off only for sockets that it made itself.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def address_of(listening: socket.socket) -> str:
    """Write where a socket listens as a client would ask for it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine seen from itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
