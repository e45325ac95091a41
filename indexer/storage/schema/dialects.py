"""What SQLite and PostgreSQL say in different words, under one name each.

Everything else that this house asks a database is SQL that both understand, or a function that
``postgres`` gives PostgreSQL under the name that SQLite has for it (``glob``, ``fold``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, String, bindparam, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import BigInteger, Boolean, Integer, LargeBinary, Text, UserDefinedType


class Halves(UserDefinedType[bytes]):
    """pgvector's ``halfvec``; in Python the same bytes as in SQLite: little-endian float16."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name the type as PostgreSQL does; the width is told where it is indexed."""
        return "halfvec"

    def bind_processor(self, dialect: Any) -> Any:
        """Write a row as the bytes that it is sent in."""
        from .halfvec import to_send

        return to_send

    def column_expression(self, column: Any) -> Any:
        """Read a row as the bytes that it is sent in: a tenth of the time that text takes."""
        return _Sent(column)

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        """Turn what is sent into the bytes that SQLite keeps."""
        from .halfvec import halves_of_sent

        return halves_of_sent


class _Sent(GenericFunction[bytes]):
    """The bytes of a ``halfvec`` on the wire; of the type of the column, so that its processor is used."""

    type = Halves()
    name = "halfvec_send"
    inherit_cache = True


class _CaseBlind(UserDefinedType[str]):
    """PostgreSQL's ``citext``: with the collation C it compares as SQLite's NOCASE does."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name the type as PostgreSQL does."""
        return 'citext COLLATE "C"'


ID = BigInteger().with_variant(Integer, "sqlite")
"""A whole number of 64 bits; SQLite counts ids up by itself only under this name."""
BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is ordered by its bytes, as SQLite does, whatever language a server is set to."""
CASE_BLIND = Text(collation="NOCASE").with_variant(_CaseBlind(), "postgresql")
"""Text that is compared without case."""
HALVES = LargeBinary().with_variant(Halves(), "postgresql")
"""An embedding as little-endian float16."""


def insert_into(dialect: str, table: Any) -> Any:
    """Begin an INSERT that can say what to do ``on_conflict``, for a dialect of this name."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def among(column: Any, ids: str | None = None) -> ColumnElement[bool]:
    """Say that a column is one of the ids of a JSON list: any number of them in one parameter.

    Args:
        column: of ids.
        ids: the list; None to bind it as ``ids`` when the statement is run.
    """
    listed = bindparam("ids", type_=String) if ids is None else bindparam(None, ids, type_=String)
    return Among(column, listed)


def glob(text: Any, pattern: str) -> ColumnElement[bool]:
    """Say that a text matches a glob as SQLite writes them."""
    return func.glob(pattern, text, type_=Boolean)


def ids_of(joined: str | None) -> NDArray[np.int64]:
    """Read what ``Joined`` gives of a column of ids, (n,) int64 ascending; None for no rows."""
    return np.sort(np.fromstring(joined, np.int64, sep=",")) if joined else np.empty(0, np.int64)


class Among(GenericFunction[Any]):
    """That an id is in a JSON list; of no type, for SQLAlchemy asks of an SQLite boolean whether it is 1."""

    name = "among"
    inherit_cache = True


class Joined(GenericFunction[str]):
    """All values of a column in one string, parted by commas."""

    type = String()
    name = "joined_values"
    inherit_cache = True


class JsonList(GenericFunction[str]):
    """All values of a column as a JSON list, in a string."""

    type = String()
    name = "json_list"
    inherit_cache = True


class LeadingNumber(GenericFunction[int]):
    """The digits that a text begins with, as a number."""

    type = Integer()
    name = "leading_number"
    inherit_cache = True


class WithSynthetic(GenericFunction[Any]):
    """A provenance (JSON) with another mark of synthetic pictures."""

    name = "with_synthetic"
    inherit_cache = True


def _arguments(element: Any, compiler: Any, **how: Any) -> list[str]:
    inner = {**how, "within_aggregate_function": True, "add_to_result_map": None}
    return [compiler.process(clause, **inner) for clause in element.clauses]


_WORDS: dict[type[GenericFunction[Any]], tuple[str, str]] = {
    Among: (
        "{0} IN (SELECT value FROM json_each({1}))",
        "{0} = ANY (CAST(translate({1}, '[]', '{{}}') AS bigint[]))",
    ),
    Joined: ("group_concat({0})", "array_to_string(array_agg({0}), ',')"),
    JsonList: ("json_group_array({0})", "coalesce(CAST(json_agg({0}) AS text), '[]')"),
    LeadingNumber: ("CAST({0} AS INTEGER)", "CAST(substring({0} FROM '^[0-9]+') AS bigint)"),
    WithSynthetic: (
        "json_set({0}, '$.synthetic', {1})",
        "CAST(jsonb_set(CAST({0} AS jsonb), '{{synthetic}}', "
        "coalesce(to_jsonb(CAST({1} AS text)), 'null')) AS json)",
    ),
}


def _register(element: type[GenericFunction[Any]], words: str, dialect: str) -> None:
    def compiled(found: Any, compiler: Any, **how: Any) -> str:
        return words.format(*_arguments(found, compiler, **how))

    compiles(element, dialect)(compiled)


for _element, (_sqlite, _postgres) in _WORDS.items():
    _register(_element, _sqlite, "sqlite")
    _register(_element, _postgres, "postgresql")
