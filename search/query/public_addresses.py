"""Internet addresses: looked up within a time limit, and told apart into public ones and all others."""

from __future__ import annotations

import ipaddress
import socket
import threading

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address


def is_public(address: Address) -> bool:
    """Say whether an address, and any IPv4 address that it embeds, belongs to the public internet.

    Stricter than ``is_global``, which lets multicast pass, and addresses that lead through a gateway to a
    private one.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    embedded = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if embedded is not None:
        return is_public(embedded)
    return address in _GLOBAL_UNICAST and address.is_global and address.teredo is None


def look_up(host: str, port: int, *, seconds: float) -> list[Address]:
    """Give the addresses of a host, in the system's order of preference, each once.

    Raises:
        TimeoutError: the look-up took longer than ``seconds``.
        OSError: there is no such host.
    """
    found: list[Address] = []
    failures: list[OSError] = []

    def ask() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(ipaddress.ip_address(entry[4][0]) for entry in entries)
        except UnicodeError as error:  # a label that is empty or too long
            failures.append(OSError(str(error)))
        except OSError as error:
            failures.append(error)

    # The resolver knows no time limit: a thread that is still waiting is left behind.
    thread = threading.Thread(target=ask, name="look-up", daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        raise failures[0]
    if thread.is_alive():
        raise TimeoutError(f"the look-up of {host} takes too long")
    return list(dict.fromkeys(found))
