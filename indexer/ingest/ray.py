"""Reading and encoding inputs on many machines, by Ray Data (Moritz et al., *Ray*, OSDI 2018).

Each worker loads the model once, reads the files of a shard itself, and sends back what becomes of them; the
process that started the run writes, shard by shard, as it would write batches of its own. So a run that was
stopped goes on after the last shard that was written, and what it ends with is what one process ends with.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from typing import Any

import numpy as np
import ray

from ..collection.collection import Collection
from ..encoders import Encoder, compare_canaries
from ..errors import ClusterFailure, FindmakeError
from ..items import KINDS, Embeddings, Failure, Kind
from ..sources import Candidate
from .reader import Ready, encode, read_candidate

OpenEncoder = Callable[[], Encoder]
_Result = list[Ready | Failure] | FindmakeError

_SHARD = 128  # inputs: as much as a worker that is lost has done in vain
_BATCH = 32  # inputs that are encoded while others are read
_READERS = 4  # threads of a worker
_CONNECT_TIMEOUT_S = 5
_PLACE = re.compile(r"(?:ray://)?(?P<host>[^/]+):(?P<port>\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where a run's inputs are read and encoded.

    Attributes:
        open_encoder: loads the collection's encoder; called once in each worker, where it must be importable.
        address: of a Ray cluster, such as ``ray://head:10001`` or ``auto``; None for this machine alone.
        workers: how many at most, each with a processor of its own; None for all but one.
        on_gpus: give each worker a GPU of its own instead, where the cluster has any.
    """

    open_encoder: OpenEncoder
    address: str | None = None
    workers: int | None = None
    on_gpus: bool = True

    def read(
        self, collection: Collection, candidates: Sequence[Candidate]
    ) -> Iterator[list[Ready | Failure]]:
        """Read inputs, and encode them, in their order; see ``pipeline.Read``.

        Every path must mean the same on all machines: put the files on a shared drive.

        Raises:
            ClusterFailure: the cluster cannot be reached, or lost a shard more often than it tries again.
            EncoderDrift: a worker's model gives other embeddings than those of the collection.
            ModelUnavailable: a worker lacks the model.
        """
        if not candidates:
            return
        shards = [candidates[start : start + _SHARD] for start in range(0, len(candidates), _SHARD)]
        try:
            with _joined(self.address):
                for entries in self._results(collection, shards):
                    if isinstance(entries, FindmakeError):
                        raise entries
                    yield entries
        except ray.exceptions.RayError as error:
            raise ClusterFailure(str(error).strip().splitlines()[-1]) from error
        except OSError as error:
            raise ClusterFailure(f"{self.address or 'this machine'}: {error}") from error

    def _workers(self, shards: int) -> dict[str, Any]:
        """Choose how many, and what each needs; see ``ray.data.Dataset.map_batches``."""
        resources: Any = ray.cluster_resources  # untyped
        gpus = _gpus() if self.on_gpus else 0
        # One processor stays free: Ray waits for ever where there is none to read by.
        most = gpus or max(int(resources().get("CPU", 1)) - 1, 1)
        if self.workers is None:
            pool = ray.data.ActorPoolStrategy(min_size=1, max_size=min(most, shards))
        else:
            pool = ray.data.ActorPoolStrategy(size=min(self.workers, gpus or shards, shards))
        return {"compute": pool, "num_cpus": 1, "num_gpus": 1 if gpus else None}

    def _results(self, collection: Collection, shards: Sequence[Sequence[Candidate]]) -> Iterator[_Result]:
        """Send shards to the workers; give back what they send, in order."""
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True  # ids are those that one process would give
        context.enable_progress_bars = False
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        rows = [{"shard": _Shard(list(shard))} for shard in shards]
        told = _Told(
            open_encoder=self.open_encoder,
            side=collection.picture_side,
            canaries=collection.canaries(),
        )
        done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Worker,
            fn_constructor_args=(told,),
            batch_size=1,
            ray_remote_args_fn=lambda: {"scheduling_strategy": "SPREAD"},
            **self._workers(len(rows)),
        )
        for batch in done.iter_batches(batch_size=1, prefetch_batches=1):
            yield batch["result"][0].value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a worker has to know."""

    open_encoder: OpenEncoder
    side: int
    canaries: dict[Kind, Embeddings]


class _Sent:
    """A result on its way back."""

    def __init__(self, value: _Result) -> None:
        self.value = value


class _Shard:
    """Some inputs; not a list, which Ray Data would take apart into columns."""

    def __init__(self, candidates: list[Candidate]) -> None:
        self.candidates = candidates


class _Worker:
    """Reads and encodes shards; one in each process, with the model."""

    def __init__(self, told: _Told) -> None:
        self._told = told

    @cached_property
    def _encoder(self) -> Encoder:
        """Load the model with the first shard, so that what goes wrong can be sent back."""
        told = self._told
        encoder = told.open_encoder()
        compare_canaries(encoder, told.canaries, KINDS)
        return encoder

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Take a batch of shards, as Ray Data gives it."""
        return {"result": _objects([self._result(shard.candidates) for shard in batch["shard"]])}

    def _result(self, candidates: Sequence[Candidate]) -> _Result:
        try:
            return self._shard(candidates)
        except FindmakeError as error:  # sent back as what it is; Ray would wrap it in text
            return error

    def _shard(self, candidates: Sequence[Candidate]) -> list[Ready | Failure]:
        read = partial(
            read_candidate, side=self._told.side, find_twin=lambda *_: None, stop=threading.Event()
        )
        with ThreadPoolExecutor(_READERS) as pool:
            entries, done = pool.map(read, candidates), list[Ready | Failure]()
            while part := list(islice(entries, _BATCH)):
                done += self._encoded(part)
        return done

    def _encoded(self, entries: Sequence[Ready | Failure]) -> list[Ready | Failure]:
        inputs = [entry for entry in entries if isinstance(entry, Ready)]
        made = iter(encode(self._encoder, inputs) if inputs else ())
        return [_light(entry, next(made)) if isinstance(entry, Ready) else entry for entry in entries]


def _gpus() -> int:
    """Count the GPUs that have a processor beside them, as each worker needs both."""
    nodes: Any = ray.nodes  # untyped
    resources = [node["Resources"] for node in nodes() if node["Alive"]]
    return sum(min(int(each.get("CPU", 0)), int(each.get("GPU", 0))) for each in resources)


def _light(entry: Ready, embeddings: dict[Kind, Embeddings]) -> Ready:
    """Leave out what need not be sent back: the picture, and how to read the input again."""
    candidate = entry.candidate._replace(load=_read_already)
    return replace(entry, candidate=candidate, picture=None, embeddings=embeddings)


def _objects(values: Sequence[Any]) -> Any:
    """Make an array of objects that NumPy does not look into."""
    made = np.empty(len(values), object)
    made[:] = [_Sent(value) for value in values]
    return made


def _read_already() -> Any:
    raise AssertionError("what a worker has read is not read again")


@contextmanager
def _joined(address: str | None) -> Iterator[None]:
    """Connect to a cluster; a connection that was there before stays."""
    if ray.is_initialized():
        yield
        return
    if place := _PLACE.fullmatch(address or ""):
        with socket.create_connection((place["host"], int(place["port"])), timeout=_CONNECT_TIMEOUT_S):
            pass  # Ray itself tries for minutes
    # "local": without an address Ray would join whatever cluster happens to run on this machine.
    ray.init(
        address=address or "local", log_to_driver=False, logging_level=logging.ERROR, include_dashboard=None
    )
    try:
        yield
    finally:
        ray.shutdown()
