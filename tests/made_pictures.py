"""Pictures that were "made here", without any generator: a colour, with the provenance of a query for it."""

from dataclasses import replace

from indexer import add_generated
from tests.catalogues import GENERATED
from tests.colour_pictures import encoded, picture


def provenance_of(colour, **values):
    """Provenance as a generator would give it, all fields set."""
    full = replace(
        GENERATED,
        prompt=f"a {colour} picture",
        for_query=colour,
        mode="embedding-to-image",
        revision="0123abcd",
        width=64,
        height=64,
        extras={"style weight": 0.5, "lora": None},
    )
    return replace(full, **values)


def make(collection, encoder, colour="yellow", seed=0, **values):
    """Keep one made picture; its item."""
    [row] = encoder.encode_images([picture(colour, seed)])
    png = encoded(colour, seed)
    return add_generated(collection, png, embedding=row, provenance=provenance_of(colour, **values))
