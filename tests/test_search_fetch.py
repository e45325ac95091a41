"""Pictures by URL: what is public, and what a server may do."""

import ipaddress
import shutil
import socket
import ssl
import subprocess
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer import UnreadableImage
from search import FetchFailed, FetchLimits, fetch_picture
from search.query.public_addresses import is_public
from tests.colour_pictures import encoded
from tests.picture_server import server_context, serving


def is_loopback(address):
    return address == ipaddress.ip_address("127.0.0.1")


LOCAL = FetchLimits(allow=is_loopback, ports=None, seconds=5)


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture
def base(server):
    server.requests.clear()
    return f"http://127.0.0.1:{server.port}"


def refused(url, limits=LOCAL):
    with pytest.raises(FetchFailed) as caught:
        fetch_picture(url, limits=limits)
    assert caught.value.url == url
    return caught.value.reason


# -- addresses ----------------------------------------------------------------------------------------

PRIVATE_4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
]
PRIVATE_6 = [
    "::/128",
    "::1/128",
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:db8::/32",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "::ffff:0:0:0/96",
    "4000::/2",
]


def members(networks):
    """Draw an address of one of the networks."""
    drawn = st.sampled_from(networks).map(ipaddress.ip_network)
    return drawn.flatmap(lambda one: st.integers(0, one.num_addresses - 1).map(one.__getitem__))


@given(members(PRIVATE_4))
def test_an_address_that_is_not_public_is_refused_in_every_disguise(address):
    number = int(address)
    disguises = (
        address,
        ipaddress.IPv6Address(f"::ffff:{address}"),
        ipaddress.IPv6Address(f"64:ff9b::{address}"),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1),  # 6to4
        ipaddress.IPv6Address(number),  # IPv4-compatible
        ipaddress.IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)),  # Teredo
    )
    assert [one for one in disguises if is_public(one)] == []


@given(members(PRIVATE_6))
def test_an_ipv6_address_that_is_not_public_is_refused(address):
    assert not is_public(address)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_no_address_that_the_registries_call_private_is_public(address):
    assert is_public(address) <= address.is_global
    assert not (is_public(address) and (address.is_multicast or address.is_loopback or address.is_link_local))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"],
)
def test_public_addresses_are_public(address):
    assert is_public(ipaddress.ip_address(address))


# -- what is asked for --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_refused_however_it_is_written(host, server):
    before = len(server.requests)
    limits = FetchLimits(ports=None)
    assert "not a public address" in refused(f"http://{host}:{server.port}/picture", limits)
    assert len(server.requests) == before


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/x.jpg", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("https:///x.jpg", "no host"),
        ("http://user:secret@example.org/x.jpg", "user name"),
        ("http://example.org/a b.jpg", "a space"),
        ("http://example.org/a\r\nHost: x", "control character"),
        ("http://example.org:99999/x.jpg", "port"),
        ("http://example.org:22/x.jpg", "port 22"),
        ("http://[::1/x.jpg", "not a URL"),
        ("http://a..b/x.jpg", "cannot be found"),
        ("http://" + "ü" * 80 + ".org/x.jpg", "not a valid name"),
    ],
)
def test_what_is_no_fit_address_is_told(url, reason):
    assert reason in refused(url, FetchLimits())


def test_a_host_that_is_not_there_is_told_in_time():
    started = time.monotonic()
    reason = refused("https://no-such-host.invalid/x.jpg", FetchLimits(seconds=3))
    assert "cannot be found" in reason or "longer than 3 seconds" in reason
    assert time.monotonic() - started < 4


@given(st.text(max_size=40) | st.text(max_size=30).map("http://127.0.0.1/".__add__))
def test_any_text_is_refused_with_a_sentence(text):
    """Nothing listens on port 9; most texts do not come that far."""
    limits = FetchLimits(allow=is_loopback, ports=frozenset({9}), seconds=2)
    with pytest.raises(FetchFailed, match="Cannot fetch"):
        fetch_picture(text, limits=limits)


# -- what is answered ---------------------------------------------------------------------------------


def test_a_picture_comes_as_it_is(base):
    assert fetch_picture(f"{base}/picture/blue", limits=LOCAL) == encoded("blue")


def test_paths_are_asked_for_as_they_are_written(base, server):
    assert "404" in refused(f"{base}/missing/%20a+b/ü?q=a%26b&c=ß#part")
    assert server.requests == [("/missing/%20a+b/%C3%BC?q=a%26b&c=%C3%9F", f"127.0.0.1:{server.port}")]


def test_the_checked_address_is_the_one_that_is_asked(server, monkeypatch):
    """A name that resolves differently a moment later (DNS rebinding) changes nothing."""
    real, asked = socket.getaddrinfo, []

    def rebinding(host, port, *args, **kwargs):
        if host != "rebinding.test":
            return real(host, port, *args, **kwargs)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.2", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    server.requests.clear()
    fetch_picture(f"http://rebinding.test:{server.port}/picture", limits=LOCAL)
    assert asked == ["rebinding.test"]
    assert server.requests == [("/picture", f"rebinding.test:{server.port}")]


def test_the_environments_proxies_are_not_used(base, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch_picture(f"{base}/picture", limits=LOCAL)


def test_redirects_are_followed_up_to_a_limit(base):
    assert fetch_picture(f"{base}/to/5/picture/green", limits=LOCAL) == encoded("green")
    assert "more than 5 times" in refused(f"{base}/to/6/picture/green")
    assert "redirects to nowhere" in refused(f"{base}/nowhere")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://127.0.0.2/picture", "not a public address"),
        ("http://169.254.169.254/latest/meta-data", "not a public address"),
        ("//[::1]/picture", "not a public address"),
        ("file:///etc/passwd", "only http and https"),
        ("http://user@127.0.0.1/", "user name"),
        ("http://[::1", "not a URL"),
    ],
)
def test_every_redirect_is_checked_like_the_first(base, target, reason):
    assert reason in refused(f"{base}/to/{target}")


def test_what_is_no_picture_is_told(base):
    with pytest.raises(UnreadableImage, match="it is a web page"):
        fetch_picture(f"{base}/page", limits=LOCAL)
    assert "answers 404" in refused(f"{base}/missing")
    assert "ended" in refused(f"{base}/short")


@pytest.mark.parametrize("how", ["told", "untold"])
def test_what_is_too_large_is_not_read_to_its_end(base, how):
    assert "more than 0.1 MB" in refused(f"{base}/large/{how}", replace(LOCAL, size=100_000))


@pytest.mark.parametrize("how", ["drip", "headers", "silent"])
def test_the_time_limit_is_for_all_of_it(base, how):
    started = time.monotonic()
    assert "longer than 0.5 seconds" in refused(f"{base}/{how}", replace(LOCAL, seconds=0.5))
    assert time.monotonic() - started < 2


def test_a_port_where_nothing_listens_is_told():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert "failed" in refused(f"http://127.0.0.1:{unused.getsockname()[1]}/x.jpg")


# -- TLS ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost that nobody has signed but itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    extension = f"-addext subjectAltName=DNS:localhost -out {paths[0]} -keyout {paths[1]}"
    subprocess.run(f"{command} {extension}".split(), check=True, capture_output=True)
    return paths


def test_certificates_are_checked_for_the_name_that_was_asked(certificate):
    names = []
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    allow = replace(LOCAL, allow=lambda address: address.is_loopback)
    with serving(server_context(*certificate, names)) as server:
        url = f"https://localhost:{server.port}/picture/red"
        assert "certificate" in refused(url, allow)
        assert fetch_picture(url, limits=replace(allow, tls=trusting)) == encoded("red")
        assert names[-1] == "localhost"
        assert server.requests == [("/picture/red", f"localhost:{server.port}")]
        other = f"https://127.0.0.1:{server.port}/picture/red"
        assert "certificate" in refused(other, replace(allow, tls=trusting))
