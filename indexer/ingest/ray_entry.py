"""The door to Ray, which is imported only by who uses it."""

from __future__ import annotations

from collections.abc import Callable

from ..encoders import Encoder
from ..errors import MissingPackage
from .pipeline import Read


def read_on_cluster(
    open_encoder: Callable[[], Encoder],
    *,
    address: str | None = None,
    workers: int | None = None,
    on_gpus: bool = True,
) -> Read:
    """Give what reads and encodes inputs on a cluster, for ``index_sources``; see ``ray.Cluster``.

    Args:
        open_encoder: loads the collection's encoder, in each worker.
        address: of the cluster; None for this machine alone.
        workers: how many at most; None for all processors but one, or all GPUs.
        on_gpus: give each worker a GPU of its own where the cluster has any.

    Raises:
        MissingPackage: Ray is not installed.
    """
    try:
        from .ray import Cluster
    except ImportError as error:
        raise MissingPackage("ray", "ray") from error
    return Cluster(open_encoder=open_encoder, address=address, workers=workers, on_gpus=on_gpus).read
