"""What all routes share: the collection with its searcher, the options, the jobs, and threads to work in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import Depends
from starlette.requests import Request

from generation import patiently
from indexer import Collection, Encoder
from search import FetchLimits, Searcher, find_calibration
from ui.jobs.fill import Maker
from ui.server import threads
from ui.services import operations
from ui.settings import Settings

from .batch_encoder import BatchingEncoder
from .jobs import ApiJobs
from .middleware.metrics import Metrics
from .options import ApiOptions

if TYPE_CHECKING:
    from generation import Generator

UPLOADS = "uploads"
"""Folder of uploaded pictures, within that of the collection."""

_THREADS = 32
_PATIENCE_S = 5.0  # for another process that writes

Value = TypeVar("Value")
OpenGenerator = Callable[[str], "Generator"]


class Service:
    """One collection, served.

    Args:
        settings: which collection, and how.
        options: how it is served.
        collection: opened already; None to open the one that the settings name.
        encoder: the collection's; None for the real one, loaded when it is first needed.
        open_generator: gives a generator by its name; None for the real ones.

    Raises:
        CollectionNotFound: there is none.
        EncoderMismatch: the settings name another model than the collection's.
    """

    def __init__(
        self,
        settings: Settings,
        options: ApiOptions,
        *,
        collection: Collection | None = None,
        encoder: Encoder | None = None,
        open_generator: OpenGenerator | None = None,
    ) -> None:
        self.settings = settings
        self.options = options
        self.metrics = Metrics()
        self._retired: list[tuple[BatchingEncoder, Collection]] = []
        self._opening = threading.Lock()
        self._serve(collection or operations.open_collection(settings), encoder)
        self.jobs = ApiJobs(self.collection.folder, self.hidden)
        self.maker = Maker(self.jobs, settings, load=open_generator)
        self.metrics.watch(items=lambda: len(self.collection), jobs=self.jobs.unfinished)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="request")
        self._writer = threading.Lock()

    def _serve(self, collection: Collection, encoder: Encoder | None = None) -> None:
        self.collection = collection
        self.encoder = BatchingEncoder(
            encoder or operations.open_encoder(collection, self.settings),
            window_ms=self.options.window_ms,
            on_batch=self.metrics.batches.observe,
        )
        limits = FetchLimits(size=self.options.most_bytes)
        self.searcher = Searcher(collection, self.encoder, calibrated=find_calibration, limits=limits)

    def keep_up(self) -> None:
        """Open the collection anew if another process has given it another encoder.

        Requests that are being answered end with what they began with.

        Raises:
            EncoderMismatch: the settings name another model than the collection has now.
        """
        if self.collection.is_current:
            return
        with self._opening:
            if not self.collection.is_current:
                opened = operations.open_collection(self.settings)
                operations.open_encoder(opened, self.settings)  # before anything is changed
                self._retired.append((self.encoder, self.collection))
                self._serve(opened)

    def warm_up(self) -> None:
        """Load model, calibration and indexes, so that the first request does not wait for them.

        Raises:
            ModelUnavailable: the model's weights are not here.
            EncoderDrift: the model has changed.
        """
        threads.one_for_each_product()
        self.collection.verify(self.encoder)
        self.searcher.calibration()
        self.collection.count("image")

    async def do(self, work: Callable[..., Value], *arguments: Any) -> Value:
        """Work in a thread; a request that is given up does not wait for it."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *arguments))

    def write(self, work: Callable[[], Value]) -> Value:
        """Change the collection: one thread at a time, and after a moment if another process is at it.

        Raises:
            CollectionBusy: another process has been writing all that time.
        """
        with self._writer:
            return patiently(work, seconds=_PATIENCE_S)

    def hidden(self) -> list[str] | None:
        """List the folders that no answer may name; None if paths may be shown."""
        if self.options.show_paths:
            return None
        return [str(self.collection.folder), *map(str, self.options.roots), *self.collection.store.roots()]

    def close(self) -> None:
        """Stop the jobs, and let go of the collection."""
        self.jobs.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for encoder, collection in [*self._retired, (self.encoder, self.collection)]:
            encoder.close()
            collection.close()


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    found.keep_up()
    return found


Here = Annotated[Service, Depends(_service)]
"""The service, as a parameter of a route."""
