"""What can go wrong while searching.

FindmakeError
`-- SearchError
    |-- TooFewToCalibrate     too few items to fit a calibration to
    |-- CalibrationUnusable   a calibration file that is damaged or of another version
    |-- CompleterUnavailable  no completer was trained, or it is damaged
    |-- TooFewTexts           too few to learn from
    |-- BadLabels             labels that cannot be told apart
    |-- BadTaste              likes and dislikes that say nothing
    |-- UnusableDataset         a file that nothing can be evaluated on
    |-- TooFewPictures          too few to evaluate on
    |-- FetchFailed     a picture that cannot be had from its URL, with the reason
    |-- EmptyQuery      nothing is asked, or the terms cancel out
    |-- BadFilter       a filter cannot be understood, with the place and the reason
    `-- BadQuery        a term cannot be understood, with the reason
        `-- BadChoice   how many hits are sought, or which, makes no sense
"""

from __future__ import annotations

from pathlib import Path

from indexer import FindmakeError


class SearchError(FindmakeError):
    """A failure in the search package."""


class EmptyQuery(SearchError):
    """A query without direction."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"There is nothing to search for: {reason}. Give some words, a picture, or both.")


class BadQuery(SearchError):
    """A term that cannot be understood."""

    def __init__(self, term: str, reason: str) -> None:
        self.term = term
        self.reason = reason
        super().__init__(
            f"Cannot use {term!r} in a query: {reason}. "
            "A query is words, pictures (files or URLs) and item:ID, joined by ' + ' and ' - ', with weights "
            "like '2:'; what stands between quotation marks is words. See: findmake --help"
        )


class BadChoice(BadQuery):
    """A choice of how many hits, or which, or in what order, that cannot be made; the terms may be fine."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        self.term = f"{name} {value}"
        self.reason = f"expected {expected}"
        SearchError.__init__(
            self, f"Cannot search with {self.term}: {self.reason}. Give that, or leave it out."
        )


class FetchFailed(SearchError):
    """A picture could not be had from its URL."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(
            f"Cannot fetch {url}: {reason}. Give the http or https address of a picture that anybody can "
            "reach, or save the picture and search with the file."
        )


class CompleterUnavailable(SearchError):
    """There is no completer to load from a folder."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"No completer at {path}: {reason}. Train one with: findmake train-suggest")


class TooFewTexts(SearchError):
    """A collection whose texts are too few to learn from."""

    def __init__(self, found: int, needed: int) -> None:
        self.found = found
        self.needed = needed
        super().__init__(
            f"This collection has {found} different titles and sentences; to learn completions from it takes "
            f"at least {needed}. Index more items with titles or captions, then run this command again."
        )


class BadLabels(SearchError):
    """Labels that say nothing or cannot be told apart."""

    def __init__(self, labels: tuple[str, ...], reason: str) -> None:
        self.labels = labels
        self.reason = reason
        super().__init__(
            f"Cannot choose between the labels {', '.join(map(repr, labels)) or '(none)'}: {reason}. "
            "Give different words, such as: --labels shoe,bag,hat"
        )


class BadTaste(SearchError):
    """Likes and dislikes from which nothing can be recommended."""

    def __init__(self, liked: tuple[int, ...], disliked: tuple[int, ...], reason: str) -> None:
        self.liked = liked
        self.disliked = disliked
        self.reason = reason
        super().__init__(
            f"Nothing can be recommended from the likes {list(liked)} and the dislikes {list(disliked)}: "
            f"{reason}. Name at least one item to like, by its id as printed by search."
        )


class UnusableDataset(SearchError):
    """A file on which nothing can be evaluated."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"Cannot evaluate on {path}: {reason}.")


class TooFewPictures(SearchError):
    """Too few pictures with words or labels to evaluate on."""

    def __init__(self, source: str, found: int, needed: int) -> None:
        self.source = source
        self.found = found
        self.needed = needed
        super().__init__(
            f"{source} has {found} readable pictures with a caption, title, label or telling file name; an "
            f"evaluation takes at least {needed}. Add more such pictures, or evaluate on another dataset."
        )


class BadFilter(SearchError):
    """A filter that cannot be understood.

    Attributes:
        text: the filter.
        position: of the character that is wrong, from 0; the filter's length if something is missing there.
        reason: what is wrong, and what was expected.
    """

    def __init__(self, text: str, position: int, reason: str) -> None:
        self.text = text
        self.position = position
        self.reason = reason
        start = max(0, position - 60)
        shown = "".join(char if char.isprintable() else " " for char in text[start : position + 20])
        super().__init__(
            f"Cannot read the filter at character {position + 1}: {reason}.\n"
            f"  {shown}\n"
            f"  {' ' * (position - start)}^\n"
            'A filter reads like: price<80 and brand in (Nike, "New Balance") and not tag:sale.'
        )


class CalibrationUnusable(SearchError):
    """A calibration file that cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"Cannot use the calibration {path}: {reason}. Make a new one with: findmake calibrate"
        )


class TooFewToCalibrate(SearchError):
    """Too few items to fit a calibration to."""

    def __init__(self, found: int, needed: int, reason: str = "") -> None:
        self.found = found
        self.needed = needed
        why = f" ({reason})" if reason else ""
        super().__init__(
            f"This collection holds {found:,} items, too few to calibrate on{why}: expected at least "
            f"{needed}, better some hundreds with titles or captions. "
            "Index more, then run: findmake calibrate"
        )


class SurveyStopped(SearchError):
    """Somebody wanted a survey of the collection to stop."""

    def __init__(self, doing: str) -> None:
        self.doing = doing
        super().__init__(f"Stopped while this was being done: {doing}. Nothing was kept; start it again.")
