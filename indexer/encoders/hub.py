"""The model hub: what of it is on this machine, and whether it answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
REACH_TIMEOUT_S = 3.0  # an answer takes milliseconds; a closed network should not cost more than this


def is_cached(repository: str, filenames: tuple[str, ...] = WEIGHT_FILES) -> bool:
    """Say whether one of the files of a hub repository is in the local cache."""
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(repository, name), str) for name in filenames)


def is_reachable(timeout_s: float = REACH_TIMEOUT_S) -> bool:
    """Say whether the hub accepts a connection; never takes longer than the timeout, not even for DNS."""
    from huggingface_hub import constants, is_offline_mode

    if is_offline_mode():
        return False
    endpoint = urlsplit(constants.ENDPOINT)
    port = endpoint.port or (443 if endpoint.scheme == "https" else 80)
    answered = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection((endpoint.hostname or "", port), timeout_s).close()
            answered.set()
        except OSError:
            pass
        finally:
            finished.set()

    finished = threading.Event()
    threading.Thread(target=connect, daemon=True).start()  # a look-up by name knows no timeout of its own
    finished.wait(timeout_s)
    return answered.is_set()


@contextmanager
def without_network() -> Iterator[None]:
    """Make the hub's client use its cache and nothing else.

    Even for a file that it has, the client first asks the hub for a newer one, and waits for that.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
