"""What a map draws: a colour for each item by one of its fields, and what the colours mean."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer import Collection, Ids

Colours = NDArray[np.uint8]
"""(n, 3)."""

# Eight hues that people with any kind of colour vision can tell apart (Okabe and Ito 2008, without black).
_HUES = ("#0f8a80", "#e69f00", "#56b4e9", "#d55e00", "#cc79a7", "#0072b2", "#a6951a", "#7a5cc0")
_OTHERS, _NONE = "#8b9496", "#c4c9c8"
_LOW, _MIDDLE, _HIGH = "#2c5c9e", "#2fa88f", "#f2b92c"  # blue to yellow over green: dark to light
_PLAIN = _HUES[0]
_TAGS = "tags"
_STOPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one colour means.

    Attributes:
        colour: as CSS has it.
        label: the value, ``others``, ``none``, or a number for an end of a scale.
        count: how many items; 0 on a scale.
        sort: ``value``, ``others``, ``none`` or ``scale``.
    """

    colour: str
    label: str
    count: int = 0
    sort: str = "value"


def coloured(collection: Collection, ids: Ids, field: str) -> tuple[Colours, tuple[Entry, ...]]:
    """Give each item a colour by its value in a field.

    The most frequent values have a hue each; numbers of which there are many have a scale, between the 2nd
    and the 98th percentile, so that one wrong price does not make all others alike.

    Args:
        collection: whose items.
        ids: (n,) int64.
        field: an attribute, a built-in field or ``tags`` (of which the most used one counts); empty for one
            colour.

    Returns:
        (n, 3) uint8 in the order of ``ids``, and what they mean.
    """
    if not field:
        return np.tile(_rgb(_PLAIN), (len(ids), 1)), ()
    texts, numbers = _values(collection, ids, field)
    distinct = {text for text in texts if text is not None}
    known = np.array([text is not None for text in texts], bool)
    if len(distinct) > len(_HUES) and known.any() and not np.isnan(numbers[known]).any():
        return _scale(numbers)
    return _hues(texts)


def _values(collection: Collection, ids: Ids, field: str) -> tuple[list[str | None], NDArray[np.float64]]:
    if field.lower() == _TAGS:
        return _tags(collection, ids), np.full(len(ids), np.nan)
    owners, texts, numbers = collection.store.values(field, apart=True)
    place = {item_id: at for at, item_id in enumerate(owners.tolist())}
    at = [place.get(item_id) for item_id in ids.tolist()]
    of = np.array([np.nan if p is None else numbers[p] for p in at], np.float64)
    return [None if p is None else texts[p] for p in at], of


def _tags(collection: Collection, ids: Ids) -> list[str | None]:
    from indexer import Tagged

    found: dict[int, str] = {}
    for count in collection.store.tags()[: len(_HUES)]:
        for item_id in collection.store.select(Tagged(tag=count.tag), apart=True).tolist():
            found.setdefault(item_id, count.tag)
    return [found.get(item_id) for item_id in ids.tolist()]


def _hues(texts: list[str | None]) -> tuple[Colours, tuple[Entry, ...]]:
    counts = Counter(text for text in texts if text is not None)
    first = sorted(counts, key=lambda text: (-counts[text], text))[: len(_HUES)]
    hues = dict(zip(first, _HUES, strict=False))
    colours = np.array([_rgb(hues.get(t, _OTHERS) if t is not None else _NONE) for t in texts], np.uint8)
    entries = [Entry(colour=hue, label=text, count=counts[text]) for text, hue in hues.items()]
    rest = sum(counts.values()) - sum(entry.count for entry in entries)
    if rest:
        entries.append(Entry(colour=_OTHERS, label="others", count=rest, sort="others"))
    if lacking := sum(text is None for text in texts):
        entries.append(Entry(colour=_NONE, label="none", count=lacking, sort="none"))
    return colours.reshape(-1, 3), tuple(entries)


def _scale(numbers: NDArray[np.float64]) -> tuple[Colours, tuple[Entry, ...]]:
    known = ~np.isnan(numbers)
    low, high = np.percentile(numbers[known], [2, 98])
    share = np.clip((numbers - low) / max(float(high - low), 1e-12), 0, 1)
    colours = np.tile(_rgb(_NONE), (len(numbers), 1))
    colours[known] = _between(share[known])
    stops = np.linspace(0, 1, _STOPS)
    entries = [
        Entry(colour="#" + bytes(rgb).hex(), label=f"{low + (high - low) * stop:,.4g}", sort="scale")
        for stop, rgb in zip(stops.tolist(), _between(stops), strict=True)
    ]
    if lacking := int((~known).sum()):
        entries.append(Entry(colour=_NONE, label="none", count=lacking, sort="none"))
    return colours, tuple(entries)


def _between(share: NDArray[np.float64]) -> Colours:
    """Mix the three colours of the scale, (n,) between 0 and 1 to (n, 3)."""
    ends = np.array([_rgb(colour) for colour in (_LOW, _MIDDLE, _HIGH)], np.float64)
    mixed = [np.interp(share, [0, 0.5, 1], ends[:, channel]) for channel in range(3)]
    return np.stack(mixed, axis=1).round().astype(np.uint8)


def _rgb(colour: str) -> Colours:
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)
