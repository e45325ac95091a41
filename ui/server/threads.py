"""How many threads a server's small matrix products take."""

from __future__ import annotations

import threadpoolctl


def one_for_each_product() -> None:
    """Let NumPy multiply by one thread from now on, in this process.

    Several people ask at once, so the cores are busy anyway, and the products of one search are small:
    threads that wait for each other made an answer cost three times as much processor time (see
    ``benchmarks/results.md``). torch, FAISS and onnxruntime have threads of their own and do not feel it.
    """
    threadpoolctl.threadpool_limits(limits=1, user_api="blas")
