"""How many items each value would leave, beside what else a filter asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from indexer import Collection, Ids, names_origin
from search import parse_filter

from .filter_choices import MOST_VALUES, Attribute, Choice
from .filter_widgets import chosen, key_of, without


def counted(
    collection: Collection, choices: Sequence[Choice], where: str, *, generated: bool = False
) -> tuple[Choice, ...]:
    """Count the values of choices under a filter.

    The part of the filter that a choice itself makes does not count for it, so that its other values can
    still be seen; but it does for tags, of which an item must have all. What is chosen is always there, if
    need be with a count of 0; other values that no item has are left out. Ranges stay as they are.

    Args:
        collection: whose items.
        choices: as ``offered`` lists them.
        where: the filter; may be blank.
        generated: whether items that stand apart count.

    Raises:
        BadFilter: the filter cannot be read.
    """
    groups: dict[str, list[Choice]] = {}
    for choice in choices:
        if choice.sort in ("tags", "values"):
            rest = without(where, choice) if choice.sort == "values" else where
            groups.setdefault(rest, []).append(choice)
    found: dict[str, Choice] = {}
    for rest, some in groups.items():
        fields = [choice.field for choice in some]
        facets = collection.store.facets(
            ids_of(collection, rest, generated=generated), fields, limit=MOST_VALUES
        )
        for choice in some:
            values = facets[choice.field].values if choice.field in facets else ()
            found[choice.field] = replace(choice, counts=_with_chosen(values, where, choice))
    return tuple(found.get(choice.field, choice) for choice in choices)


def ids_of(collection: Collection, where: str, *, generated: bool = False) -> Ids | None:
    """Give the ids that satisfy a filter, ascending; None for all but those that stand apart.

    As in a search, a filter that names the origin looks at what stands apart, too.
    """
    if not where and not generated:
        return None
    condition = parse_filter(where or "id>0")
    return collection.select(condition, apart=generated or names_origin(condition))


def _with_chosen(
    values: Sequence[tuple[Attribute, int]], where: str, choice: Choice
) -> tuple[tuple[Attribute, int], ...]:
    known = {key_of(value) for value, _ in values}
    missing = [value for value in chosen(where, choice) if key_of(value) not in known]
    return (*values, *((value if isinstance(value, float) else str(value), 0) for value in missing))
