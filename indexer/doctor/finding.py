"""What a check finds, as a value, and what the checks look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..collection.collection import Collection
from ..encoders import Encoder
from ..storage.inspection import Inspection

State = Literal["fine", "note", "trouble", "repaired"]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: what was looked at, in a word or two.
        state: ``fine``; ``note`` where nothing is broken, but a person may want to know; ``trouble``; or
            ``repaired``.
        sentence: what was found, with numbers.
        remedy: what to do next; empty if nothing is to be done.
        repairable: the doctor can mend it without losing anything.
    """

    check: str
    state: State
    sentence: str
    remedy: str = ""
    repairable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A collection that can be opened.

    Attributes:
        collection: the open collection.
        inspection: looks into its database.
        encoder: the collection's; None if its embeddings shall not be compared.
        repair: whether to mend what can be mended; the right to write is held then.
    """

    collection: Collection
    inspection: Inspection
    encoder: Encoder | None
    repair: bool

    @property
    def folder(self) -> Path:
        """Of the collection."""
        return self.collection.folder


MEND = "Repair it with: findmake doctor --repair"
AGAIN = "Read it again with: findmake index"


def fine(check: str, sentence: str) -> Finding:
    """Tell that all is well."""
    return Finding(check=check, state="fine", sentence=sentence)


def mendable(
    patient: Patient, check: str, sentence: str, *, mend: Callable[[], object], done: str, then: str = ""
) -> Finding:
    """Mend what was found, if that is wanted, else tell how.

    Args:
        patient: that has it.
        check: that found it.
        sentence: what was found.
        mend: mends it.
        done: what was done, in a sentence.
        then: what is still to be done after it.
    """
    if not patient.repair:
        return Finding(check=check, state="trouble", sentence=sentence, remedy=MEND, repairable=True)
    mend()
    return Finding(check=check, state="repaired", sentence=f"{sentence} {done}", remedy=then, repairable=True)


def some(values: Sequence[object], most: int = 3) -> str:
    """Name the first few of many."""
    named = ", ".join(str(value) for value in values[:most])
    return f"{named} and {len(values) - most:,} more" if len(values) > most else named


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
