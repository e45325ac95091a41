"""What all requests and answers have in common. Needs nothing but pydantic, like its neighbours."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

LARGEST_ID = 2**53 - 1  # what every reader of JSON takes for a whole number


class Asked(BaseModel):
    """What a client sends: nothing that is not known, and nothing of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Told(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(frozen=True)


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a whole number")
    return value


NUMBER = BeforeValidator(_number)
Whole = Annotated[int, Field(strict=False), NUMBER]
"""A whole number; 31.0 is one too, as JSON has it."""

ItemId = Annotated[int, Field(ge=1, le=LARGEST_ID, strict=False), NUMBER]
"""Of an item."""
