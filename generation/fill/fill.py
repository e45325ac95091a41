"""Filling a gap: make pictures, hold them against the query, keep apart the best that answers it."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from PIL import Image

from indexer import Collection, Embeddings, Generated, add_generated, decode_image
from search import Judgement, Query, Searcher, Verdict, near_duplicate_threshold, parse_filter

from ..errors import GeneratorMismatch
from ..generator import Generator
from ..marks.metadata import mark_png
from ..request import GeneratedImage, GenerationSettings, OnStep
from ..safety import Guard
from . import extras
from .finish import signed, watermarked
from .near_copies import find_copy
from .plan import FillOptions, Wish, write_wish
from .prompts import Prompt
from .verify import Verification, Verifier
from .wait_for_lock import patiently

Outcome = Literal["filled", "reused", "not needed", "not convincing", "blocked"]
"""What came of it: something was kept; something made before answers; there is an answer; nothing passed;
everything was blocked."""

_LOOKED_AT = 5  # generated items that are held against a query


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """One picture that was made.

    Attributes:
        image: RGB; None if it was blocked.
        settings: how it was made.
        provenance: the same as an item keeps it; None if it was blocked.
        verification: what it is worth as an answer; None if it was blocked.
        refused: why it may not be kept, in words; None if it may.
        item_id: of the item that it became; None if it was not kept.
    """

    image: Image.Image | None
    settings: GenerationSettings
    provenance: Generated | None
    verification: Verification | None
    refused: str | None
    item_id: int | None = None

    @property
    def probability(self) -> float:
        """Calibrated probability that it answers the query; 0 if it was blocked."""
        return self.verification.probability if self.verification else 0.0

    @property
    def verdict(self) -> Verdict | None:
        """The verdict if the collection held it; None if it was blocked."""
        return self.verification.verdict if self.verification else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FillReport:
    """What came of filling a gap.

    Attributes:
        query: what was sought.
        before: the verdict on the collection without anything made by a model.
        outcome: in a word or two.
        prompt: what the generator was told; None if nothing was made.
        candidates: what was made; those that pass first, then by falling probability.
        kept: ids of new items, the likeliest first.
        reused: ids of items made before that answer the query, the likeliest first.
        seconds: wall-clock time.
    """

    query: Query
    before: Judgement
    outcome: Outcome
    prompt: Prompt | None = None
    candidates: tuple[Candidate, ...] = ()
    kept: tuple[int, ...] = ()
    reused: tuple[int, ...] = ()
    seconds: float = 0.0


def fill_gap(
    searcher: Searcher,
    generator: Generator,
    query: Query,
    options: FillOptions | None = None,
    *,
    on_step: OnStep | None = None,
) -> FillReport:
    """Make what a query asks for and the catalogue lacks, and keep it apart if it proves to answer the query.

    Nothing is made where the catalogue answers the query, or where something made before does. Whatever goes
    wrong or is stopped, an item is kept as a whole or not at all.

    Args:
        searcher: over the collection; calibrated.
        generator: makes the pictures.
        query: what is sought. Its condition narrows what counts as an answer and as a miss; a picture that is
            made has no attributes by which to fulfil it.
        options: how to fill it.
        on_step: called after each step of the generator; False stops, and nothing is kept.

    Raises:
        BadRequest: an option is out of its range, or answers in this collection cannot be judged.
        GeneratorMismatch: the generator reads embeddings of another encoder.
        Blocked: the prompt or the query's picture asks for what is not made.
        GenerationCancelled: ``on_step`` returned False.
        OutOfMemory: the machine cannot hold the model or the size.
        CollectionBusy: another process has been writing for half a minute; nothing more was kept.
        StorageFailure: the disk is full; nothing more was kept.
        SearchError: the query cannot be answered.
        IndexerError: its pictures or items are not there.
    """
    started = time.perf_counter()
    options = options or FillOptions()
    check_generator(generator, searcher.collection)
    verifier = Verifier(searcher, query)
    report = FillReport(query=query, before=verifier.before, outcome="not needed")
    needed = verifier.before.verdict == "no match" or (options.weak and verifier.before.verdict == "weak")
    if needed or options.force:
        made_before = () if options.force else answers_made_before(searcher.collection, verifier)
        if made_before:
            report = replace(report, outcome="reused", reused=made_before)
        else:
            report = _Filling(searcher, generator, verifier, options).run(report, on_step)
    return replace(report, seconds=round(time.perf_counter() - started, 3))


def check_generator(generator: Generator, collection: Collection) -> None:
    """Make sure that a generator reads the embeddings of a collection's encoder, if it reads any.

    Raises:
        GeneratorMismatch: it reads those of another.
    """
    wanted = generator.info.encoder_sha256
    if wanted is not None and wanted != collection.spec.weights_sha256:
        raise GeneratorMismatch(generator.info.name, collection.spec.name)


def answers_made_before(collection: Collection, verifier: Verifier) -> tuple[int, ...]:
    """Find items made before that answer a query as well as a new picture would have to, likeliest first."""
    made = collection.select(parse_filter("origin=generated"), apart=True)
    if not len(made):
        return ()
    embedding = verifier.embedded.embedding
    nearest = collection.search(embedding, _LOOKED_AT, allowed=made, apart=True)["image"]
    ids, rows = collection.present("image", nearest.ids)
    judged = [(verifier.judge(row), item_id) for item_id, row in zip(ids.tolist(), rows, strict=True)]
    passing = [(-found.probability, item_id) for found, item_id in judged if found.answers]
    return tuple(item_id for _, item_id in sorted(passing))


class _Filling:
    """One gap being filled."""

    def __init__(
        self, searcher: Searcher, generator: Generator, verifier: Verifier, options: FillOptions
    ) -> None:
        self._collection = searcher.collection
        self._encoder = searcher.encoder
        self._generator = generator
        self._verifier = verifier
        self._options = options
        self._guard = Guard(options.policy, searcher.encoder, searcher.calibration())
        self._wish: Wish = write_wish(searcher, verifier, generator, options)

    def run(self, report: FillReport, on_step: OnStep | None) -> FillReport:
        """Make candidates, check them, keep the best."""
        self._check_wish()
        drawn = self._generator.generate(self._wish.request, on_step=on_step)
        made = watermarked(drawn, wanted=self._options.watermark)
        rows = self._embed(made)
        checked = [(self._check(image, row), row) for image, row in zip(made, rows, strict=True)]
        checked.sort(key=lambda pair: (pair[0].refused is not None, -pair[0].probability))
        candidates = self._keep(checked)
        kept = tuple(each.item_id for each in candidates if each.item_id is not None)
        all_blocked = all(each.image is None for each in candidates)
        outcome: Outcome = "filled" if kept else "blocked" if all_blocked else "not convincing"
        return replace(
            report, outcome=outcome, prompt=self._wish.prompt, candidates=tuple(candidates), kept=kept
        )

    def _check_wish(self) -> None:
        """Hold the prompt, and the picture that is asked with, against the policy."""
        embedded, prompt = self._verifier.embedded, self._wish.prompt.text
        self._guard.check_asked(embedded, prompt)

    def _embed(self, made: Sequence[GeneratedImage]) -> Embeddings:
        """Embed pictures just as indexing their files would, (n, dim)."""
        self._collection.verify(self._encoder, ["image"])
        side = self._collection.picture_side
        read = [decode_image(_plain_png(one.image), name="picture", shorter_side=side).image for one in made]
        return self._encoder.encode_images(read)

    def _check(self, made: GeneratedImage, row: Embeddings) -> Candidate:
        blocked = made.blocked or self._guard.check_picture(row)
        if blocked:
            return Candidate(
                image=None,
                settings=made.settings,
                provenance=None,
                verification=None,
                refused=f"blocked: {blocked}",
            )
        found = self._verifier.judge(row)
        refused = found.why_not(self._verifier.before.verdict)
        if refused is None:
            copy = find_copy(made.image, row, self._collection, training=self._options.training)
            refused = f"near copy of {copy.of}" if copy else None
        return Candidate(
            image=made.image,
            settings=made.settings,
            provenance=self._provenance(made.settings, found),
            verification=found,
            refused=refused,
        )

    def _keep(self, checked: Sequence[tuple[Candidate, Embeddings]]) -> list[Candidate]:
        """Keep the first that pass, but none that is nearly the same as one before it."""
        least = near_duplicate_threshold(self._collection.spec)
        kept: list[Embeddings] = []
        candidates = []
        for candidate, row in checked:
            if candidate.refused is None and kept and float(np.max(np.stack(kept) @ row)) >= least:
                candidate = replace(candidate, refused="near copy of another candidate")
            if candidate.refused is None and len(kept) < self._options.keep:
                candidate = replace(candidate, item_id=self._store(candidate, row))
                kept.append(row)
            candidates.append(candidate)
        return candidates

    def _provenance(self, settings: GenerationSettings, found: Verification) -> Generated:
        return Generated(
            prompt=settings.prompt,
            negative_prompt=settings.negative_prompt,
            model=settings.model,
            revision=settings.revision,
            mode=settings.mode,
            seed=settings.seed,
            scheduler=settings.scheduler,
            steps=settings.steps,
            guidance=settings.guidance,
            width=settings.width,
            height=settings.height,
            parents=self._wish.parents,
            for_query=self._verifier.query.text,
            verdict=found.verdict,
            at=datetime.now(UTC),
            extras={**settings.extras, **self._wish.extras, extras.PROBABILITY: found.probability},
        )

    def _store(self, candidate: Candidate, row: Embeddings) -> int:
        png, provenance = candidate_png(candidate, describe=self._options.describe), candidate.provenance
        assert provenance is not None
        png = signed(png, provenance, self._options.credential)
        return patiently(
            lambda: add_generated(self._collection, png, embedding=row, provenance=provenance).id
        )


def candidate_png(candidate: Candidate, *, describe: bool = True) -> bytes:
    """Encode a candidate as PNG with its marks, kept or not: no picture leaves here without them.

    Args:
        candidate: not a blocked one.
        describe: also write prompt, query and verdict.

    Raises:
        ValueError: it was blocked; there is no picture.
    """
    if candidate.image is None or candidate.provenance is None:
        raise ValueError("a blocked candidate has no picture")
    public = extras.public_extras(candidate.provenance.extras)
    return mark_png(candidate.image, replace(candidate.provenance, extras=public), prompt_metadata=describe)


def _plain_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()
