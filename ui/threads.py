"""How many threads the small matrix products of a search take."""

from __future__ import annotations

import os


def one_by_environment() -> None:
    """Let NumPy multiply by one thread, in a process that has not imported it yet; costs nothing.

    A second one takes a while to start, and on a busy machine the first waits for it: a product of half a
    millisecond then takes twenty. What a person has set stays.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def one_for_each_product() -> None:
    """Let NumPy multiply by one thread from now on, in this process.

    Several people ask at once, so the cores are busy anyway, and the products of one search are small:
    threads that wait for each other made an answer cost three times as much processor time (see
    ``benchmarks/results.md``). torch, FAISS and onnxruntime have threads of their own and do not feel it.
    """
    import threadpoolctl

    threadpoolctl.threadpool_limits(limits=1, user_api="blas")
