"""What every source of items yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ..items import Attribute, Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What one candidate holds, read but not decoded.

    Attributes:
        image: the encoded bytes of its picture (JPEG, PNG, ...); None for a text.
        title: a short name to show.
        text: caption, description or the whole text; empty if there is none.
        attributes: everything else that is known, such as price or tags.
        title_is_text: the title is a person's words and not a file's name, so it is embedded with the text.
    """

    image: bytes | None
    title: str
    text: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    title_is_text: bool = False

    @property
    def embedded_text(self) -> str:
        """The words that are embedded as this item's text; empty if it has none."""
        words = (self.title if self.title_is_text else "", self.text)
        return ". ".join(part.strip() for part in words if part.strip())


class Candidate(NamedTuple):
    """One input, found but not yet read; a tuple, for most are made only to be compared.

    Attributes:
        key: unique and stable: the file's absolute path, or ``TABLE#ROW-KEY``.
        path: the file that holds the picture or text, absolute; None for a picture inside a table.
        fingerprint: changes whenever the content may have changed; cheap (sizes and times, not bytes).
        load: reads the content; raises UnreadableImage or UnreadableSource.
    """

    key: str
    path: str | None
    fingerprint: str
    load: Callable[[], Content]


class Source(Protocol):
    """One root given to ``index``: a folder, a table, or one file."""

    @property
    def root(self) -> str:
        """Absolute path as given."""
        ...

    def scan(self) -> Iterator[Candidate | Failure]:
        """List the candidates in a stable order; a Failure stands for a part that could not be listed.

        Raises:
            UnreadableSource: the root itself is away or cannot be read; nothing may be concluded from that.
        """
        ...

    def owns(self, key: str) -> bool:
        """Say whether an item with this key would be listed by this source, if it still existed.

        False for keys below a part that the last scan failed to list, so that they are not taken for gone.
        """
        ...
