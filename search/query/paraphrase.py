"""The ways in which people ask for one thing: "rocket", "a rocket", "the rockets", "a photo of a rocket".

An encoder that was trained on captions takes them for different texts. Short queries are embedded by the mean
of the same few paraphrases, whichever of them was typed (a prompt ensemble, Radford et al. 2021, section
3.1.4), so that an article or a plural changes nothing.
"""

from __future__ import annotations

import re

LONGEST = 4
"""Words of a name that is paraphrased; longer texts describe a scene, and stand as they are."""

# Nouns whose plural no rule gives; a compound ends in one of them ("goldfish", "snowman").
_IRREGULAR = {
    "man": "men", "woman": "women", "child": "children", "person": "people", "foot": "feet", "tooth": "teeth",
    "goose": "geese", "mouse": "mice", "ox": "oxen", "leaf": "leaves", "knife": "knives", "wolf": "wolves",
    "calf": "calves", "shelf": "shelves", "loaf": "loaves", "scarf": "scarves", "half": "halves",
    "wife": "wives", "elf": "elves", "thief": "thieves", "cactus": "cacti", "potato": "potatoes",
    "tomato": "tomatoes", "mango": "mangoes", "mosquito": "mosquitoes", "hero": "heroes",
}  # fmt: skip
# Nouns that have one form: masses, flocks, and what comes in pairs.
_ONE_FORM = frozenset({
    "fish", "sheep", "deer", "moose", "bison", "salmon", "trout", "aircraft",
    "furniture", "rice", "bread", "milk", "food", "water", "jewelry", "jewellery",
    "luggage", "weather", "clothes", "clothing", "glasses", "sunglasses", "eyeglasses", "goggles",
    "binoculars", "headphones", "scissors", "pliers", "tweezers", "shorts", "jeans", "trousers",
    "pants", "leggings", "tights", "pyjamas", "pajamas", "briefs", "boxers", "stockings",
    "overalls", "news", "goods", "series", "species", "footwear", "outerwear", "underwear",
    "sportswear", "makeup", "coffee", "tea", "juice", "beer", "wine", "gas",
    "lens", "canvas", "atlas", "tennis", "chess",
})  # fmt: skip
_SINGULAR = {many: single for single, many in _IRREGULAR.items()}
_OPENING = re.compile(
    r"^(?:(?:a|an|one|the|some)\s+)?(?:photo|picture|image|photograph|close-up)s?\s+of\s+", re.IGNORECASE
)
_ARTICLE = re.compile(r"^(?:a|an|the|some)\s+(?=\S)", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z][A-Za-z' -]*")
_JOINING = frozenset({
    "of", "in", "on", "with", "and", "or", "at", "for", "from", "to", "by",
    "under", "over", "near", "without", "is", "are",
})  # fmt: skip


def plural(name: str) -> str:
    """Give the plural of an English noun phrase, whose last word is the noun."""
    noun = name.rpartition(" ")[2].lower()
    if noun in _ONE_FORM or noun in _SINGULAR:
        return name
    for single, many in _IRREGULAR.items():
        if noun == single or (noun.endswith(single) and len(noun) - len(single) >= 3):
            return name[: len(name) - len(single)] + many
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is")):
        return name
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return name + "es"
    if noun.endswith("y") and noun[-2:-1] not in ("a", "e", "i", "o", "u", ""):
        return name[:-1] + "ies"
    return name + "s"


def singular(name: str) -> str:
    """Give the singular of an English noun phrase, whose last word is the noun; of a singular, itself."""
    noun = name.rpartition(" ")[2].lower()
    if (
        noun in _ONE_FORM
        or noun in _IRREGULAR
        or not noun.endswith(("s", "men", "children", "people", *_SINGULAR))
    ):
        return name
    for many, single in _SINGULAR.items():
        if noun == many or (noun.endswith(many) and len(noun) - len(many) >= 3):
            return name[: len(name) - len(many)] + single
    if not noun.endswith("s") or noun.endswith(("ss", "us", "is")) or len(noun) < 4:
        return name
    if noun.endswith("ies") and len(noun) > 4:
        return name[:-3] + "y"
    if noun.endswith(("sses", "xes", "zes", "ches", "shes", "uses")):
        return name[:-2]
    return name[:-1]


def with_article(name: str) -> str:
    """Put the indefinite article before a singular."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def paraphrases(text: str) -> tuple[str, ...]:
    """Give the ways to ask for what a short text names, always the same ones in the same order.

    Args:
        text: of a query.

    Returns:
        The text alone if it is longer than a name, or not plain words; else the singular, with its article,
        the plural, and a sentence with it.
    """
    bare = bare_name(text)
    words = bare.lower().split()
    if not 1 <= len(words) <= LONGEST or not _PLAIN.fullmatch(bare):
        return (text,)
    single, one, many = forms(bare)
    return tuple(dict.fromkeys((single, one, many, f"a photo of {one}")))


def bare_name(text: str) -> str:
    """Take what a text begins and ends with and does not mean: "a photo of", an article, a full stop."""
    bare = " ".join(text.split()).strip(" .!?")
    return _ARTICLE.sub("", _OPENING.sub("", bare))


def forms(name: str) -> tuple[str, str, str]:
    """Give the singular of a noun phrase, the same with an article, and the plural; equal if there is one."""
    head, rest = _parted(name)
    if " " in head and head.lower().endswith("ing"):  # "person sleeping" has no plural
        return name, name, name
    single = singular(head)
    many = plural(single)
    one = single if many == single else with_article(single)
    return f"{single}{rest}", f"{one}{rest}", f"{many}{rest}"


def _parted(name: str) -> tuple[str, str]:
    """Part a name before its first preposition: "cup of coffee" into "cup" and " of coffee"."""
    words = name.split()
    for place, word in enumerate(words[1:], 1):
        if word.lower() in _JOINING:
            return " ".join(words[:place]), " " + " ".join(words[place:])
    return name, ""
