"""The model hub: what of it is on this machine, and whether it answers."""

from __future__ import annotations

import http.client
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError

from ..errors import ModelUnavailable

REACH_TIMEOUT_S = 3.0  # an answer takes milliseconds; a closed network should not cost more than this

# The switch between cache and network is one flag of the hub's client for the whole process.
_client = threading.RLock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One of a few files of a hub repository.

    Attributes:
        repository: ``ORG/NAME``.
        any_of: names of files, of which one will do.
    """

    repository: str
    any_of: tuple[str, ...]


def is_repository(name: str) -> bool:
    """Say whether a repository can have this name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def is_cached(need: Need) -> bool:
    """Say whether one of the needed files is in the local cache."""
    return cached_file(need) is not None


def has_any(repository: str) -> bool:
    """Say whether the local cache holds anything of a repository."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=repository, repo_type="model")
    return (Path(constants.HF_HUB_CACHE) / folder).is_dir()


def cached_file(need: Need) -> str | None:
    """Find the first of the needed files that is in the local cache; None if there is none."""
    from huggingface_hub import constants, try_to_load_from_cache

    if not is_repository(need.repository):
        return None
    for name in need.any_of:
        found = try_to_load_from_cache(need.repository, name, cache_dir=constants.HF_HUB_CACHE)
        if isinstance(found, str):
            return found
    return None


def is_reachable(timeout_s: float = REACH_TIMEOUT_S) -> bool:
    """Say whether the hub answers, through a proxy if there is one; never takes longer than the timeout."""
    from huggingface_hub import constants, is_offline_mode

    with _client:  # or a loading that uses the cache alone would look like a machine without a network
        if is_offline_mode():
            return False
    answered, finished = threading.Event(), threading.Event()

    def ask() -> None:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=timeout_s).close()
            answered.set()
        except HTTPError as error:  # not what was asked for, but an answer
            error.close()
            answered.set()
        except (OSError, ValueError, http.client.HTTPException):
            pass
        finally:
            finished.set()

    threading.Thread(target=ask, daemon=True).start()  # a look-up by name knows no timeout of its own
    finished.wait(timeout_s)
    return answered.is_set()


@contextmanager
def access(model: str, needs: Sequence[Need]) -> Iterator[None]:
    """Use the cache alone if all that a model needs is there, else the hub; one thread at a time.

    Raises:
        ModelUnavailable: something is not cached, and the hub does not answer: this takes seconds at most.
    """
    missing = [need for need in needs if not is_cached(need)]
    if missing and not is_reachable():
        wanted = " and ".join(dict.fromkeys(need.repository for need in missing))
        raise ModelUnavailable(
            model, f"{wanted} is not in this machine's cache, and the model hub cannot be reached"
        )
    with _client, nullcontext() if missing else without_network():
        yield


@contextmanager
def without_network() -> Iterator[None]:
    """Make the hub's client use its cache and nothing else.

    Even for a file that it has, the client first asks the hub for a newer one, and waits for that.
    """
    from huggingface_hub import constants

    with _client:
        before = constants.HF_HUB_OFFLINE
        constants.HF_HUB_OFFLINE = True
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE = before
