"""Who may ask the API, from where, how much and how often; against a real server."""

import contextlib
import re
import socket
import time

import httpx
import pytest

from tests.colour_pictures import encoded
from tests.served import TOKEN, serving
from ui import cli
from ui.api.middleware.access import Buckets
from ui.api.options import ApiOptions, check_open
from ui.server.port import CannotServe
from ui.settings import Settings


@contextlib.contextmanager
def asking(tmp_path, **options):
    """A plain HTTP client of a server: ``with asking(tmp_path, token=...) as http``."""
    with (
        serving(tmp_path, **options) as (address, _),
        httpx.Client(base_url=address, timeout=20, trust_env=False) as http,
    ):
        yield http


def problem(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert told["status"] == status
    assert told["type"].startswith("urn:findmake:problem:")
    assert told["detail"].endswith((".", "!"))
    return told


# -- tokens --------------------------------------------------------------------------------------------


def test_every_route_needs_the_token(tmp_path):
    with asking(tmp_path, token=TOKEN) as http:
        document = http.get("/openapi.json").json()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                where = path.replace("{item_id}", "1").replace("{job_id}", "0" * 16)
                response = http.request(method, where)
                if path == "/health":
                    assert response.status_code == 200
                    assert "security" not in operation
                else:
                    assert problem(response, 401)
                    assert response.headers["www-authenticate"].startswith("Bearer")
                    assert operation["security"] == [{"token": []}]
        wrong = ("Basic " + TOKEN, "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN} x", TOKEN)
        for authorization in (*wrong, "Bearer ümlaut".encode("latin-1")):
            assert http.get("/metrics", headers={"Authorization": authorization}).status_code == 401
        assert http.get("/metrics", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200


def test_nothing_is_read_of_a_body_before_the_token_is_seen(tmp_path):
    with (
        asking(tmp_path, token=TOKEN) as http,
        socket.create_connection((http.base_url.host, http.base_url.port), timeout=10) as plain,
    ):
        plain.sendall(b"POST /items HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    ("host", "token", "no_token", "opens"),
    [
        ("127.0.0.1", None, False, True),
        ("::1", None, False, True),
        ("localhost", None, False, True),
        ("0.0.0.0", None, False, False),
        ("::", None, False, False),
        ("192.168.1.5", None, False, False),
        ("shop.example", None, False, False),
        ("0.0.0.0", TOKEN, False, True),
        ("0.0.0.0", None, True, True),
    ],
)
def test_a_network_is_not_served_by_accident(host, token, no_token, opens):
    options = ApiOptions(host=host, token=token)
    expected = contextlib.nullcontext() if opens else pytest.raises(CannotServe, match="without a token")
    with expected:
        check_open(options, no_token=no_token)


def test_the_command_refuses_with_a_sentence(tmp_path, capsys):
    arguments = ["serve", "--api", "--collection", str(tmp_path / "c")]
    assert cli.main([*arguments, "--host", "0.0.0.0"]) == 1
    assert "without a token" in capsys.readouterr().err
    assert cli.main([*arguments, "--token", "short"]) == 1
    assert "16 ASCII characters" in capsys.readouterr().err
    assert cli.main([*arguments, "--port", "99999"]) == 1
    assert cli.main([*arguments, "--origin", "shop.example"]) == 1
    assert cli.main([*arguments, "--max-upload", "0"]) == 1
    assert cli.main([*arguments, "--port", "0"]) == 3
    capsys.readouterr()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert cli.main([*arguments, "--port", str(taken.getsockname()[1])]) == 1
        assert "Give another --port" in capsys.readouterr().err


def test_the_token_comes_from_the_environment_and_is_not_printed():
    settings = Settings.read({"FINDMAKE_API_TOKEN": TOKEN})
    assert settings.api_token == TOKEN
    assert TOKEN not in repr(settings)
    assert TOKEN not in repr(ApiOptions(token=TOKEN))


# -- browsers ------------------------------------------------------------------------------------------


def test_foreign_pages_may_not_ask_a_local_server(tmp_path):
    with asking(tmp_path) as http:
        for host in ("evil.example", "127.0.0.1.evil.example", "", "evil@127.0.0.1:80/x"):
            problem(http.get("/search?q=red", headers={"Host": host}), 403)
        for host in ("localhost:99", "[::1]:8502", "127.0.0.2"):
            assert http.get("/search?q=red", headers={"Host": host}).status_code == 200
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
            upload = {"picture": ("a.png", encoded("red", 99))}
            response = http.post("/items", files=upload, headers={"Origin": origin})
            assert "may not change anything" in problem(response, 403)["detail"]
            problem(http.delete("/items/1", headers={"Origin": origin}), 403)
        own = str(http.base_url).rstrip("/")
        assert http.patch("/items/1", json={"add": ["a"]}, headers={"Origin": own}).status_code == 200
        assert http.get("/health").json()["items"] == 96


def test_no_page_is_let_in_unless_it_is_listed(tmp_path):
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    with asking(tmp_path, token=TOKEN) as http:
        assert http.options("/search", headers=asked).status_code in (401, 405)
        told = http.get("/health", headers=asked).headers
        assert not [name for name in told if name.startswith("access-control")]
    with asking(tmp_path, token=TOKEN, origins=("https://shop.example",)) as http:
        allowed = http.options("/search", headers=asked)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        other = http.options("/search", headers=asked | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        refused = http.get("/metrics", headers={"Origin": "https://shop.example"})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://shop.example"


# -- limits --------------------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_refused(tmp_path):
    with asking(tmp_path, most_bytes=100_000) as http:
        for path in ("/items", "/search/picture"):
            response = http.post(path, files={"picture": ("a.png", b"\0" * 200_000)})
            problem(response, 413)
        problem(http.post("/search", content=b'{"query": "' + b"a" * 200_000 + b'"}'), 413)

        def chunks():
            yield from (b" " * 50_000 for _ in range(8))

        response = http.post("/search", content=chunks(), headers={"Content-Type": "application/json"})
        problem(response, 413)
        assert not (tmp_path / "shelf" / "uploads").exists()


def test_a_picture_with_too_many_pixels_is_refused(tmp_path):
    with asking(tmp_path, most_pixels=1_000) as http:
        for path in ("/items", "/search/picture"):
            told = problem(http.post(path, files={"picture": ("a.png", encoded("red"))}), 400)
            assert "megapixels" in told["detail"]


def test_a_slow_upload_is_given_up(tmp_path):
    with asking(tmp_path, seconds=0.5) as http:
        with socket.create_connection((http.base_url.host, http.base_url.port), timeout=10) as plain:
            head = b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            plain.sendall(head + b"Content-Length: 100\r\n\r\n{")
            started = time.monotonic()
            assert plain.recv(100).startswith(b"HTTP/1.1 504")
            assert time.monotonic() - started < 5
        assert http.get("/search?q=red").status_code in (200, 504)


def test_requests_are_limited_by_client(tmp_path):
    with asking(tmp_path, rate=0.5, burst=3) as http:
        assert [http.get("/search?q=red").status_code for _ in range(4)] == [200, 200, 200, 429]
        response = http.get("/search?q=red")
        problem(response, 429)
        assert 1 <= int(response.headers["retry-after"]) <= 2
        assert http.get("/health").status_code == 200


def test_a_bucket_fills_again():
    now = [0.0]
    buckets = Buckets(rate=2, burst=3, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 1, 1]
    assert buckets.take("b") == 0
    now[0] = 0.5
    assert [buckets.take("a") for _ in range(2)] == [0, 1]
    now[0] = 100
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 1]
    for number in range(20_000):
        buckets.take(str(number))
    assert len(buckets._clients) == 10_000


# -- paths and addresses -------------------------------------------------------------------------------


def test_no_answer_names_a_path(tmp_path):
    with asking(tmp_path) as http:
        answers = [
            http.get("/search?q=red&k=100"),
            http.get("/items/1"),
            http.get("/collections"),
            http.get("/metrics"),
            http.get("/openapi.json"),
            http.post("/register", json={"path": str(tmp_path)}),
            http.post("/register", json={"path": "/etc/passwd"}),
            http.post("/search", json={"query": f"{tmp_path}/shelf/findmake.sqlite"}),
        ]
        (tmp_path / "shelf" / "safety.json").write_text("{")
        answers.append(http.post("/fill", json={"query": "yellow"}))
        home = str(tmp_path.parent)
        for answer in answers[:-2]:
            assert home not in answer.text
        assert home not in answers[-1].text
    with asking(tmp_path, show_paths=True) as http:
        assert http.get("/items/1").json()["path"].endswith("/000.png")
        assert http.get("/collections").json()["collections"][0]["path"] == str(tmp_path / "shelf")


def test_files_of_this_machine_are_no_queries(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded("blue"))
    with asking(tmp_path) as http:
        for query in (str(secret), f"file://{secret}", f"red + {secret}"):
            response = http.post("/search", json={"query": query})
            if response.status_code == 200:  # words, like any others
                assert response.json()["hits"]
            else:
                problem(response, 400)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/a.png",
        "http://[::1]/a.png",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1",
    ],
)
def test_only_public_addresses_are_fetched(tmp_path, address):
    with asking(tmp_path) as http:
        for asked in (
            http.post("/search", json={"query": address}),
            http.get("/search", params={"q": address}),
        ):
            told = problem(asked, 400)
            assert "not a public address" in told["detail"]


def test_pictures_cannot_be_reached_by_path(tmp_path):
    with asking(tmp_path) as http:
        for path in (
            "/items/..%2f..%2fetc%2fpasswd/image",
            "/items/../../etc/passwd",
            "/items/1/image/../../../etc/passwd",
            "/items/1%00/image",
            "/items/-1/image",
            "/items/99999999999999999999/image",
        ):
            assert http.get(path).status_code in (404, 422), path


def test_only_what_lies_below_an_allowed_folder_is_registered(tmp_path):
    inside, outside = tmp_path / "open", tmp_path / "closed"
    for folder in (inside, outside, tmp_path / "open-too"):
        folder.mkdir()
        (folder / "a.png").write_bytes(encoded("yellow", 5))
    (inside / "link").symlink_to(outside)
    with asking(tmp_path, roots=(inside,)) as http:
        for path in (
            outside,
            inside / ".." / "closed",
            inside / "link",
            tmp_path / "open-too",
            "open",
            "/",
            "\0",
            outside / "nothing",
        ):
            told = problem(http.post("/register", json={"path": str(path)}), 403)
            assert not re.search(r"closed|nothing", told["detail"])
        assert http.post("/register", json={"path": str(inside)}).status_code == 202
