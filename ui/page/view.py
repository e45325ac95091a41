"""What the page shows, as one value: the parameters of its URL."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the page shows; equal views have equal URLs.

    Attributes:
        q: words in the query language; empty for none.
        like: id of the item whose likes are sought; None for none.
        picture: checksum of the uploaded picture; empty for none.
        where: the filter as it was written; empty for none.
        page: 1 for the first.
        item: id of the item whose details are open; None for none.
        generated: whether what was made here and not promoted is shown, too.
        origin: in the library: ``imported``, ``generated`` or ``apart`` alone; empty for all but the last.
        tag: in the library: only items with this tag; empty for all.
        show: the part of the library: ``timeline``, ``tags``, ``duplicates`` or ``map``; empty for its items.
        sort: in the library: what it is ordered by, ``-`` before it for descending; empty for the newest.
        when: the field that dates are taken from; empty for when a picture was taken, or else came here.
        during: a stretch of time such as ``2024-03`` or ``2023..2024-03-05``; empty for all of it.
        colour: the field that colours the map; empty for none.
        lang: code of the language that was chosen on the page; empty for the browser's own.
        size: of the pictures in a grid: ``small`` or ``large``; empty for between.
        region: the part of the uploaded picture that counts, as ``x,y,width,height`` in per cent; empty for
            all of it.
        alike: id of the hit whose folded near-duplicates are open; None for none.
        collection: name of the collection; empty for the one that the server was started with.
        part: of the collection's page: ``add``, ``quality``, ``doctor`` or ``new``; empty for what it holds.
        compare: ids of two items that are open side by side, joined by a comma; empty for none.
    """

    q: str = ""
    like: int | None = None
    picture: str = ""
    where: str = ""
    page: int = 1
    item: int | None = None
    generated: bool = False
    origin: str = ""
    tag: str = ""
    show: str = ""
    sort: str = ""
    when: str = ""
    during: str = ""
    colour: str = ""
    lang: str = ""
    size: str = ""
    region: str = ""
    alike: int | None = None
    compare: str = ""
    collection: str = ""
    part: str = ""

    @property
    def asks(self) -> bool:
        """Say whether anything is sought; otherwise the collection is browsed."""
        return bool(self.q or self.picture or self.like is not None)

    def as_parameters(self) -> dict[str, str]:
        """Write the view as the parameters of a URL; what is at its default stays out."""
        written = {
            "q": self.q,
            "like": "" if self.like is None else str(self.like),
            "picture": self.picture,
            "where": self.where,
            "page": str(self.page) if self.page > 1 else "",
            "item": "" if self.item is None else str(self.item),
            "generated": "1" if self.generated else "",
            "origin": self.origin,
            "tag": self.tag,
            "show": self.show,
            "sort": self.sort,
            "when": self.when,
            "during": self.during,
            "colour": self.colour,
            "lang": self.lang,
            "size": self.size,
            "region": self.region,
            "alike": "" if self.alike is None else str(self.alike),
            "compare": self.compare,
            "collection": self.collection,
            "part": self.part,
        }
        return {name: value for name, value in written.items() if value}
