"""A real HTTP server on the loopback that serves pictures and everything a hostile server might do."""

import contextlib
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from tests.colour_pictures import encoded


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, self.headers["Host"]))
        name, _, rest = self.path.lstrip("/").partition("/")
        with contextlib.suppress(OSError):  # the client has had enough
            getattr(self, f"_{name}")(rest)

    def _picture(self, colour):
        self._send(encoded(colour or "red"))

    def _page(self, _):
        self._send(b"<!doctype html><p>no picture")

    def _missing(self, _):
        self.send_error(404)

    def _to(self, target):
        """Redirect to the rest of the path; ``/to/3/...`` goes on redirecting."""
        count, _, rest = target.partition("/")
        if count.isdecimal():
            target = f"/to/{int(count) - 1}/{rest}" if int(count) > 1 else f"/{rest}"
        self.send_response(302)
        self.send_header("Location", unquote(target))
        self.end_headers()

    def _nowhere(self, _):
        self.send_response(302)
        self.end_headers()

    def _large(self, how):
        """More bytes than the limit, told in advance or not."""
        self.send_response(200)
        if how == "told":
            self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        while True:
            self.wfile.write(b"\xff\xd8\xff" * 10_000)

    def _drip(self, _):
        """A byte now and then, for ever."""
        self.send_response(200)
        self.end_headers()
        self._drop(b"x")

    def _headers(self, _):
        """Headers now and then, for ever."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        self._drop(b"X-Y: z\r\n")

    def _drop(self, data):
        while True:
            self.wfile.write(data)
            time.sleep(0.05)

    def _silent(self, _):
        time.sleep(5)

    def _short(self, _):
        data = encoded()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) + 100))
        self.end_headers()
        self.wfile.write(data)

    def _send(self, data):
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """Say nothing: clients that go away in the middle are what is tested."""


@contextlib.contextmanager
def serving(tls=None):
    """Serve in a thread; gives the server, with its ``requests`` and its ``port``."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.requests = []
    server.port = server.server_address[1]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def server_context(certificate, key, names):
    """TLS for a server; the names that clients ask for are appended to ``names``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    return context
