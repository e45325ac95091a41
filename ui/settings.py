"""Settings, and the one place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

COLLECTION = "FINDMAKE_COLLECTION"
MODEL = "FINDMAKE_MODEL"
DEVICE = "FINDMAKE_DEVICE"
LOG_MISSES = "FINDMAKE_LOG_MISSES"
API_TOKEN = "FINDMAKE_API_TOKEN"
GENERATOR = "FINDMAKE_GENERATOR"
ALLOW = "FINDMAKE_ALLOW"
RUNTIME = "FINDMAKE_RUNTIME"
_YES = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every way in needs to know.

    Attributes:
        collection: folder of the collection; of one on a server, given by its address, the folder for it.
        model: name of the encoder for a new collection, or ``auto``; None to follow the collection.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        log_misses: whether queries that nothing answers are kept in the collection, for ``findmake gaps``.
        generator: what makes pictures where none is named: ``starter``, a folder, or ``ORG/NAME`` on the hub.
        allow: folders below which files may be indexed from the page and the API; none for the default, which
            is any file for a page that only this machine reaches, and none otherwise.
        runtime: what encoders run by on a processor: ``auto`` for onnxruntime where a model was exported
            (``findmake models --prepare``), else torch; ``torch`` alone; or ``int8``, which is ``auto`` in 8
            bits where those were made (``--int8``).
        api_token: that requests to the API must carry; None for none.
    """

    collection: Path
    model: str | None = None
    device: str = "auto"
    log_misses: bool = True
    generator: str = "starter"
    allow: tuple[Path, ...] = ()
    runtime: str = "auto"
    api_token: str | None = field(default=None, repr=False)

    @classmethod
    def read(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        collection: Path | str | None = None,
        model: str | None = None,
        device: str | None = None,
    ) -> Settings:
        """Take what was given on the command line, else from the environment, else the defaults.

        Args:
            environment: variables by name; those of this process by default.
            collection: folder of the collection or address of its server, else ``FINDMAKE_COLLECTION``, else
                the user's data folder.
            model: name of the encoder, else ``FINDMAKE_MODEL``.
            device: where to run it, else ``FINDMAKE_DEVICE``, else ``auto``.

        Misses are logged unless ``FINDMAKE_LOG_MISSES`` is set to anything but 1, true, yes or on: who
        mistypes "off" means no. ``FINDMAKE_GENERATOR`` names the generator.
        ``FINDMAKE_ALLOW`` lists folders, parted as in ``PATH``.

        Raises:
            BadAddress: it is an address, but none of a PostgreSQL database.
            StorageFailure: the folder that stands for a server cannot be made.
        """
        variables = os.environ if environment is None else environment
        folder = collection or variables.get(COLLECTION) or default_collection()
        return cls(
            collection=_place(str(folder)),
            model=model or variables.get(MODEL) or None,
            device=device or variables.get(DEVICE) or "auto",
            log_misses=(variables.get(LOG_MISSES) or "on").strip().lower() in _YES,
            api_token=variables.get(API_TOKEN) or None,
            generator=variables.get(GENERATOR) or "starter",
            allow=_folders(variables.get(ALLOW) or ""),
            runtime=variables.get(RUNTIME) or "auto",
        )

    def as_environment(self) -> dict[str, str]:
        """Write the settings as variables for a child process, on top of this process's environment."""
        variables = {**os.environ, COLLECTION: str(self.collection), DEVICE: self.device}
        variables[LOG_MISSES] = "on" if self.log_misses else "off"
        variables[GENERATOR] = self.generator
        variables[RUNTIME] = self.runtime
        variables[ALLOW] = os.pathsep.join(map(str, self.allow))
        return variables | ({MODEL: self.model} if self.model else {})


def _place(named: str) -> Path:
    """Take a folder as it is; for a server, the folder of this machine that stands for it."""
    if "://" in named:
        from indexer import use_server  # the root would load the search engine

        folder, password = use_server(named, _user_data() / "servers")
        if password is not None:  # for the driver, here and in child processes
            os.environ["PGPASSWORD"] = password
        return folder
    return Path(named).expanduser().absolute()


def multiply_by_one_thread() -> None:
    """Let NumPy multiply by one thread, in a process that has not imported it yet.

    A second one takes a while to start, and on a busy machine the first waits for it: a product of half a
    millisecond then takes twenty. What a person has set stays.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def tell_nobody_of_ray() -> None:
    """Keep Ray, and the processes that it starts, from reporting their use over the network."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


def count_together(folder: str) -> None:
    """Let processes that are started from now on keep their figures for Prometheus in one folder."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder


def _user_data() -> Path:
    return platformdirs.user_data_path("findmake", appauthor=False)


def _folders(listed: str) -> tuple[Path, ...]:
    return tuple(Path(name).expanduser().absolute() for name in listed.split(os.pathsep) if name)


def default_collection() -> Path:
    """Where the collection lives if nobody says otherwise, by the platform's convention."""
    return _user_data() / "collection"
