"""Nouns of WordNet (Princeton University, 3.0) for things that a picture can show, as texts for a teacher."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Numbers of the lexicographer's files: animals, artefacts, body, food, natural objects, people, phenomena,
# plants, shapes, substances.
SHOWN = frozenset({"05", "06", "08", "13", "17", "18", "19", "20", "25", "27"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Synset:
    """One meaning.

    Attributes:
        names: what it is called, the commonest name first.
        gloss: its definition, without examples.
        parents: offsets of the meanings of which it is a kind.
        offset: its own.
    """

    names: tuple[str, ...]
    gloss: str
    parents: tuple[str, ...]
    offset: str


def read(path: Path) -> list[Synset]:
    """Read the meanings of things that can be seen.

    Args:
        path: WordNet's ``data.noun`` (Debian's package ``wordnet-base`` has it in ``/usr/share/wordnet``).
    """
    synsets = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):  # the licence stands at the top
            continue
        fields, gloss = line.split(" | ", 1)
        offset, file, _, count, *rest = fields.split()
        if file not in SHOWN:
            continue
        words = int(count, 16)
        names = tuple(name.replace("_", " ") for name in rest[: 2 * words : 2])
        pointers = rest[2 * words + 1 :]
        parents = tuple(pointers[i + 1] for i in range(0, len(pointers) - 3, 4) if pointers[i] in ("@", "@i"))
        synsets.append(Synset(names=names, gloss=gloss.split(";")[0].strip(), parents=parents, offset=offset))
    return synsets
