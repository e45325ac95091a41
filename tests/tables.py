"""Small tables for tests, and short ways to read them."""

import io

from PIL import Image

from indexer.sources import Candidate, open_source


def jpeg(number=0):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (number * 7 % 256, 80, 90)).save(buffer, "JPEG")
    return buffer.getvalue()


def put(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def scan(path, columns=None):
    source = open_source(path, columns)
    return source, list(source.scan())


def contents(path, columns=None):
    return [c.load() for c in scan(path, columns)[1]]


def keys(path):
    return [c.key.rpartition("#")[2] for c in scan(path)[1] if isinstance(c, Candidate)]
