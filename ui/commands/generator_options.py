"""What the commands that make pictures share: options, the generator, progress, exported files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .options import say, settings

if TYPE_CHECKING:
    from PIL import Image

    from generation import Credential, FillOptions, FillReport, Generator, OnStep, Step
    from search import Searcher


def generator_options(default: str = "FINDMAKE_GENERATOR, or starter") -> argparse.ArgumentParser:
    """Options that choose a generator; ``default`` says which one it is otherwise."""
    chosen = argparse.ArgumentParser(add_help=False)
    help_text = f"starter, a folder, or ORG/NAME on the hub ({default})"
    chosen.add_argument("--generator", metavar="NAME", help=help_text)
    chosen.add_argument("--lora", action="append", default=[], metavar="DIR", help="put LoRA weights on top")
    chosen.add_argument("--ip-adapter", type=Path, metavar="DIR", help="with which it can follow pictures")
    return chosen


def filling_options() -> argparse.ArgumentParser:
    """Options that say how to fill a gap."""
    how = argparse.ArgumentParser(add_help=False)
    how.add_argument("-n", "--candidates", type=int, default=4, help="pictures to make (4)")
    how.add_argument("--keep", type=int, default=1, help="how many to keep of those that pass (1)")
    how.add_argument("--seed", type=int, help="of the first picture; the next ones count on (random)")
    how.add_argument("--steps", type=int, help="denoising steps")
    how.add_argument("--guidance", type=float, help="how closely to follow the query")
    how.add_argument("--scheduler", help="the sampler, such as ddim")
    how.add_argument("--size", type=_size, metavar="WxH", help="pixels, such as 512x512")
    how.add_argument("--neighbours", type=int, default=4, metavar="K", help="misses that lend their look (4)")
    weight = "how much: 0 to 1 (0.5 with an IP-Adapter, else 0)"
    how.add_argument("--style-weight", type=float, metavar="W", help=weight)
    how.add_argument("--kind", choices=("product", "photo", "illustration"), help="of picture")
    how.add_argument("--negative", default="", metavar="WORDS", help="what else to avoid")
    how.add_argument("--start", choices=("query", "nearest"), help="begin from a picture, not from noise")
    how.add_argument("--strength", type=float, default=0.7, metavar="S", help="of its change: 0 to 1 (0.7)")
    how.add_argument("--weak", action="store_true", help="also where something here may answer")
    how.add_argument("--no-enrich", action="store_true", help="add none of the collection's own words")
    how.add_argument("--watermark", action="store_true", help="also hide a mark in the pixels")
    how.add_argument("--sign", action="store_true", help="also sign content credentials (C2PA) into them")
    how.add_argument("--certificate", type=Path, metavar="PEM", help="to --sign with; else a self-made one")
    how.add_argument("--key", type=Path, metavar="PEM", help="of the certificate")
    how.add_argument("--no-metadata", action="store_true", help="keep words and query out of the files")
    return how


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text} is not a size such as 512x512")
    return int(width), int(height)


def fill_options(options: argparse.Namespace, searcher: Searcher) -> FillOptions:
    """Shape what ``filling_options`` gave, with the collection's policy.

    Raises:
        BadRequest: a number is out of its range, or the policy cannot be read.
    """
    from ui.services import answer

    return answer.fill_options(
        searcher,
        candidates=options.candidates,
        keep=options.keep,
        seed=options.seed,
        steps=options.steps,
        guidance=options.guidance,
        scheduler=options.scheduler,
        size=options.size,
        neighbours=options.neighbours,
        style_weight=options.style_weight,
        kind=options.kind,
        negative=options.negative,
        start=options.start,
        strength=options.strength,
        mask=_mask(options),
        weak=options.weak,
        force=getattr(options, "force", False),
        enrich=not options.no_enrich,
        describe=not options.no_metadata,
        watermark=options.watermark,
        credential=_credential(options, searcher),
    )


def _mask(options: argparse.Namespace) -> Image.Image | None:
    from indexer import load_image

    path = getattr(options, "mask", None)  # one picture's: gaps have none
    return None if path is None else load_image(path).image


def _credential(options: argparse.Namespace, searcher: Searcher) -> Credential | None:
    """Find what to sign with; make it, beside the collection, if none is given."""
    from generation import BadRequest, load_credential, own_credential

    given = [path for path in (options.certificate, options.key) if path is not None]
    if len(given) == 1 or (given and not options.sign):
        raise BadRequest("part of a signature", "--sign, --certificate and --key together")
    if not options.sign:
        return None
    return load_credential(*given) if given else own_credential(searcher.collection.folder)


def open_generator(options: argparse.Namespace, name: str | None = None) -> Generator:
    """Load the generator that the options name.

    Args:
        options: as of ``generator_options``.
        name: takes the place of theirs.

    Raises:
        GeneratorUnavailable: it is not here and cannot be fetched.
        OutOfMemory: it does not fit into memory.
    """
    from generation import Lora, load_generator

    chosen = settings(options)
    return load_generator(
        name or options.generator or chosen.generator,
        device=chosen.device,
        loras=[Lora.parse(path) for path in options.lora],
        ip_adapter=options.ip_adapter,
    )


@contextmanager
def progress() -> Iterator[OnStep]:
    """Draw how far the generator is, on stderr."""
    from indexer import Progress
    from ui.formats.progress import ProgressLine

    line: list[ProgressLine] = []

    def on_step(step: Step) -> bool:
        if not line or (step.picture, step.step) == (0, 1):  # the next gap's
            line[:] = [ProgressLine()]
        done = step.picture * step.steps + step.step
        line[0](Progress(done=done, total=step.pictures * step.steps, images=step.picture))
        return True

    try:
        yield on_step
    finally:
        for each in line:
            each.close()


def candidates_to_table(report: FillReport) -> str:
    """Lay out what was made, a picture a line."""
    lines = [f"{'prob':>5}  {'verdict':8}  {'seed':>10}  {'id':>6}  "]
    for each in report.candidates:
        chance = f"{each.probability:5.2f}" if each.verification else "    -"
        number = "-" if each.item_id is None else str(each.item_id)
        note = "kept" if each.item_id is not None else each.refused or "not needed"
        lines.append(f"{chance}  {each.verdict or '-':8}  {each.settings.seed:10d}  {number:>6}  {note}")
    return "\n".join(line.rstrip() for line in lines)


def write_files(
    files: dict[str, Callable[[], bytes]], folder: Path, *, make_folder: bool = True
) -> list[str]:
    """Write files into a folder, each as a whole; say what could not be written.

    Args:
        files: what to write, by name.
        folder: where.
        make_folder: if it is not there; otherwise that is told.

    Returns:
        The paths of those written.
    """
    from indexer import write_whole

    written = []
    for name, content in files.items():
        path = folder / name
        try:
            if make_folder:
                folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, content(), beside=path.with_name(f"{path.name}.part"))
        except OSError as error:
            say(f"findmake: cannot write {path}: {error.strerror or error}. Give another folder.")
            continue
        written.append(str(path))
    return written
