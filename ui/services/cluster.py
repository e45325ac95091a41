"""Which machines read and encode what is indexed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from indexer import Collection, Read, load_encoder, read_on_cluster

from ..settings import Settings, tell_nobody_of_ray


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """Which cluster of Ray an index run uses.

    Attributes:
        address: such as ``ray://head:10001`` or ``auto``; None for this machine alone.
        workers: how many at most; None for all processors but one, or all GPUs.
    """

    address: str | None = None
    workers: int | None = None

    def reader(self, collection: Collection, settings: Settings) -> Read:
        """Give what reads and encodes for a collection.

        Raises:
            MissingPackage: Ray is not installed.
        """
        tell_nobody_of_ray()
        name = collection.spec.name
        device = settings.device.partition(":")[0]  # a worker sees one GPU, which is its first
        opened = partial(load_encoder, name, device=device, runtime=settings.runtime)
        on_gpus = device in ("auto", "cuda")
        return read_on_cluster(opened, address=self.address, workers=self.workers, on_gpus=on_gpus)
