"""From a gap to a request: the prompt, what to stay close to, and where to start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from PIL import Image

from indexer import Collection, Encoder, UnreadableImage, decode_image, load_image
from search import Completer, CompleterUnavailable, Like, Picture, Query, Searcher, fetch_picture, picture_of

from ..errors import BadRequest
from ..generator import Generator
from ..marks.certificates import Credential
from ..request import MOST_PICTURES, GenerationRequest
from ..safety import SafetyPolicy
from . import extras as conditions
from .near_copies import CopyIndex
from .prompts import Prompt, PromptKind, Subject, choose_kind, style_words, subject_of, write_prompt
from .verify import Verifier

MOST_NEIGHBOURS = 10
_STYLED = 0.5  # how much the look of the misses counts where a generator reads pictures as styles
_STILL_THE_SAME = 0.85  # cosine of what was asked and of a richer way to say it

StartFrom = Literal["query", "nearest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FillOptions:
    """How to fill a gap. What is None is left to the generator.

    Attributes:
        candidates: pictures to make.
        keep: how many at most to keep of those that pass.
        seed: of the first picture.
        steps, guidance, scheduler, size: of the generator; the size is width and height in pixels.
        neighbours: how many of the nearest misses lend their look, at most 10.
        style_weight: 0 to ignore their look, 1 to follow it closely. Left to the generator: a half where it
            reads pictures as styles, else 0: misses' embeddings pull towards the wrong kind.
        prompt: the words for the generator; None to write them from the query.
        kind: of picture; None to choose by the query's words and the collection's pictures.
        negative: what else to avoid, in words.
        start: begin from the query's own picture or from the nearest miss instead of from noise.
        strength: of the change, where there is a start picture: 0 to keep it, 1 to ignore it.
        mask: of the start picture's size, white where it is painted anew, by a generator that can paint in.
        weak: also fill where something here may answer the query.
        force: fill whatever the verdict, and look at nothing that was made before.
        policy: what is not made.
        training: pictures that the generator learned from, of which no near copy is kept.
        enrich: let the collection's completer, if one was trained, and its shared words add to the prompt.
        describe: write prompt and settings into the files; the mark that they are synthetic stays anyway.
        watermark: put the invisible watermark into the pictures, before they are judged.
        credential: signs content credentials into the files that are kept; None for none.
    """

    candidates: int = 4
    keep: int = 1
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    scheduler: str | None = None
    size: tuple[int, int] | None = None
    neighbours: int = 4
    style_weight: float | None = None
    prompt: str | None = None
    kind: PromptKind | None = None
    negative: str = ""
    start: StartFrom | None = None
    strength: float = 0.7
    mask: Image.Image | None = None
    weak: bool = False
    force: bool = False
    policy: SafetyPolicy = field(default_factory=SafetyPolicy)
    training: CopyIndex | None = None
    enrich: bool = True
    describe: bool = True
    watermark: bool = False
    credential: Credential | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.keep <= self.candidates <= MOST_PICTURES:
            raise BadRequest(
                f"{self.keep} to keep of {self.candidates} candidates",
                f"at least 1 to keep, and no more than there are candidates, at most {MOST_PICTURES}",
            )
        if not 0 <= self.neighbours <= MOST_NEIGHBOURS:
            raise BadRequest(f"{self.neighbours} neighbours", f"0 to {MOST_NEIGHBOURS}")
        if self.mask is not None and self.start is None:
            raise BadRequest("a mask alone", "a start picture that it belongs to: --start query, or nearest")
        self._check_numbers()

    def _check_numbers(self) -> None:
        """See now, and not after models were loaded, that a request with these numbers can be made."""
        width, height = self.size or (None, None)
        GenerationRequest(
            prompt="",
            style_weight=self.style_weight or 0.0,
            strength=self.strength,
            seed=self.seed,
            steps=self.steps,
            guidance=self.guidance,
            width=width,
            height=height,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a generator is asked for, and what must be kept to ask for the same again.

    Attributes:
        request: for the generator.
        prompt: how its words came about.
        parents: ids of the items that it is conditioned on.
        extras: what goes into the provenance beside the generator's own.
    """

    request: GenerationRequest
    prompt: Prompt
    parents: tuple[int, ...]
    extras: Mapping[str, str]


def write_wish(searcher: Searcher, verifier: Verifier, generator: Generator, options: FillOptions) -> Wish:
    """Turn a gap into a request.

    Args:
        searcher: over the collection.
        verifier: of the query, with its nearest misses.
        generator: that is going to be asked.
        options: as the person wishes.

    Raises:
        BadRequest: an option is out of its range, or the start picture is not there.
        UnreadableImage: the start picture cannot be read.
        FetchFailed: the query's picture cannot be had from its URL.
    """
    collection = searcher.collection
    prompt = _prompt(searcher, verifier, options, generator.info.prompt_tokens)
    reads_styles = bool(getattr(generator, "reads_styles", False))
    style_weight = _STYLED * reads_styles if options.style_weight is None else options.style_weight
    ids, rows = verifier.neighbours(options.neighbours if style_weight > 0 else 0)
    embedding = conditions.rounded(verifier.embedded.embedding)
    near = conditions.rounded(rows) if len(rows) else None
    extras = {conditions.CONDITION: conditions.packed(embedding, near)}
    styles: tuple[Image.Image, ...] = ()
    if len(ids) and reads_styles:
        styles = readable_pictures(collection, ids.tolist())
        extras[conditions.STYLES] = conditions.checksum(*styles)
    start, named = _start(collection, verifier, options)
    if start is not None:
        extras |= {conditions.START: named, conditions.START_SHA256: conditions.checksum(start)}
    request = GenerationRequest(
        prompt=prompt.text,
        negative_prompt=prompt.negative,
        embedding=embedding,
        neighbours=near,
        style_weight=style_weight,
        styles=styles,
        start=start,
        strength=options.strength,
        mask=options.mask,
        seed=options.seed,
        steps=options.steps,
        guidance=options.guidance,
        scheduler=options.scheduler,
        width=options.size[0] if options.size else None,
        height=options.size[1] if options.size else None,
        count=options.candidates,
    )
    return Wish(request=request, prompt=prompt, parents=tuple(ids.tolist()), extras=extras)


def propose_prompt(searcher: Searcher, query: Query, options: FillOptions | None = None) -> Prompt:
    """Write the prompt that filling a gap would take, for a person to look at and to change.

    A generator with a short text tower may leave some of it out.

    Args:
        searcher: over the collection; calibrated.
        query: what is sought.
        options: how to fill the gap.

    Raises:
        BadRequest: answers in this collection cannot be judged.
        SearchError: the query cannot be answered.
    """
    return _prompt(searcher, Verifier(searcher, query), options or FillOptions(), None)


def readable_pictures(collection: Collection, ids: Sequence[int]) -> tuple[Image.Image, ...]:
    """Open the pictures of items, without those whose files are gone."""
    found = []
    for item in collection.store.items(list(ids)):
        try:
            found.append(picture_of(collection, item))
        except UnreadableImage:
            continue
    return tuple(found)


def reopened(collection: Collection, name: str) -> Image.Image:
    """Open a start picture again by the name that was kept of it.

    Raises:
        UnreadableImage: it is gone, or was handed in without a file.
        ItemNotFound: the item is gone.
        FetchFailed: it cannot be had from its URL.
    """
    kind, _, value = name.partition(" ")
    if kind == "item":
        return picture_of(collection, collection.item(int(value)))
    if kind == "url":
        return decode_image(fetch_picture(value), name=value).image
    if kind == "file":
        return load_image(Path(value)).image
    raise UnreadableImage(value, "it was handed in without a file, and is not kept")


# -- the prompt ------------------------------------------------------------------------------------------


def _prompt(searcher: Searcher, verifier: Verifier, options: FillOptions, limit: int | None) -> Prompt:
    query, store = verifier.query, searcher.collection.store
    named = [term.item_id for term in query.terms if isinstance(term, Like)]
    subject = subject_of(query, {item.id: item.title for item in store.items(named)})
    near = verifier.misses[: max(options.neighbours, 3)]
    kind = options.kind or choose_kind(subject, _thumbnails(searcher.collection, [item.id for item in near]))
    style: tuple[str, ...] = ()
    if options.enrich:
        style = (*_richer(searcher, subject), *style_words(near))
    written = write_prompt(subject, kind, style=style, avoid=options.negative, limit=limit)
    if options.prompt is None:
        return written
    return replace(written, text=" ".join(options.prompt.split()), style=(), left_out=())


def _thumbnails(collection: Collection, ids: Sequence[int]) -> list[Image.Image]:
    found = []
    for item_id in ids:
        data = collection.store.thumbnail(item_id)
        if data is not None:
            found.append(decode_image(data, name=f"item {item_id}").image)
    return found


def _richer(searcher: Searcher, subject: Subject) -> tuple[str, ...]:
    """Let the collection's completer go on, as long as that still means what was asked for."""
    if not subject.sought:
        return ()
    try:
        proposals = Completer.load(searcher.collection.folder).enrich(subject.sought)
    except CompleterUnavailable:
        return ()
    return _first_alike(subject.sought, proposals, searcher.encoder)


def _first_alike(sought: str, proposals: Sequence[str], encoder: Encoder) -> tuple[str, ...]:
    if not proposals:
        return ()
    rows = encoder.encode_texts([sought, *proposals])
    for proposal, score in zip(proposals, (rows[1:] @ rows[0]).tolist(), strict=True):
        added = proposal[len(" ".join(sought.lower().split())) :].strip(" ,")
        if score >= _STILL_THE_SAME and added:
            return (added,)
    return ()


# -- the start picture -----------------------------------------------------------------------------------


def _start(
    collection: Collection, verifier: Verifier, options: FillOptions
) -> tuple[Image.Image | None, str]:
    """Open the picture to start from, and say how to find it again."""
    if options.start is None:
        return None, ""
    if options.start == "nearest":
        if not verifier.misses:
            raise BadRequest("a start from the nearest miss", "a collection with pictures")
        name = f"item {verifier.misses[0].id}"
        return reopened(collection, name), name
    return _query_picture(collection, verifier.query)


def _query_picture(collection: Collection, query: Query) -> tuple[Image.Image, str]:
    for term in query.terms:
        if isinstance(term, Like) and term.weight > 0 and term.region is None:
            name = f"item {term.item_id}"
            return reopened(collection, name), name
        if isinstance(term, Picture) and term.weight > 0 and term.region is None:
            if term.data is not None:
                return decode_image(term.data, name=term.name).image, f"upload {term.name}"
            name = f"url {term.url}" if term.url is not None else f"file {Path(term.path or '').absolute()}"
            return reopened(collection, name), name
    raise BadRequest("a start from the query's picture", "a whole picture among its terms")
