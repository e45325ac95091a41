"""A progress line with rate and time left, on a terminal's stderr; sparse lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from indexer import Progress

_EVERY_S = 10.0  # between lines where the output is not a terminal


class ProgressLine:
    """Draws how far an indexing run is."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._started = time.monotonic()
        self._last = self._started
        self._drawn = False

    def __call__(self, progress: Progress) -> None:
        """Draw one state."""
        now = time.monotonic()
        rate = progress.done / max(now - self._started, 1e-6)
        left = (progress.total - progress.done) / max(rate, 1e-6)
        share = progress.done / max(progress.total, 1)
        line = f"{progress.done:,}/{progress.total:,} ({share:.0%})  {rate:.1f}/s  {_clock(left)} left"
        if self._stream.isatty():
            bar = "#" * round(share * 24)
            self._stream.write(f"\r\033[K[{bar:.<24}] {line}")
            self._stream.flush()
            self._drawn = True
        elif now - self._last >= _EVERY_S:
            self._stream.write(f"  {line}\n")
            self._stream.flush()
            self._last = now

    def close(self) -> None:
        """Clear the line."""
        if self._drawn:
            self._stream.write("\r\033[K")
            self._stream.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
