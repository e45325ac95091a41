"""What can go wrong while indexing, in sentences fit to show to a person.

FindmakeError                     exit code 1
`-- IndexerError
    |-- CollectionNotFound        no collection at that path
    |-- CollectionBusy            another process is writing to it
    |-- SchemaTooNew              written by a newer findmake
    |-- StorageFailure            the disk is full, read-only or broken
    |-- BadAddress                no address of a server that can hold a collection
    |-- MissingPackage            a package of an extra is not installed
    |-- UnfitServer               a database without pgvector, or not in UTF-8
    |-- ClusterFailure            a Ray cluster is not there, or lost too many workers
    |-- VectorsUnreachable        the Milvus server of a collection does not answer
    |-- ServerUnreachable         the server of a collection does not answer, or refuses
    |-- ItemNotFound              no such item
    |-- NotGenerated              the item was not made here, so it cannot be promoted, discarded, made again
    |-- BadTag                    a label that cannot be kept, with the reason
    |-- EncoderMismatch           the collection was built with another model
    |-- EncoderDrift              same model by name, other numbers
    |-- EncoderReplaced           the collection got another model while it was open
    |-- DimensionMismatch         embeddings of another width
    |-- ModelUnavailable          the weights are not on this machine and cannot be fetched
    |-- UnreadableImage           a picture that cannot be decoded, with the reason
    |-- UnreadableSource          a folder or table that cannot be read, with the reason
    `-- IndexCorrupt              an index file that fails its checks (rebuilt by itself)

A message says what happened, with the value; what was expected; what to do next.
The parts stand as attributes too, so that callers and tests need not read prose.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


class FindmakeError(Exception):
    """Any failure that a person can cause or mend; its text is shown as it is."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross to another process as what it is: ``__init__`` takes parts, and not the sentence."""
        return _revived, (type(self), self.args, self.__dict__)


def _revived(kind: type[FindmakeError], arguments: tuple[Any, ...], parts: dict[str, Any]) -> FindmakeError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(parts)
    return error


class IndexerError(FindmakeError):
    """A failure in the indexer package."""


class CollectionNotFound(IndexerError):
    """There is no collection at ``path``."""

    exit_code = 3

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"No collection at {path}. Make one with: findmake index FOLDER --collection {path}")


class CollectionBusy(IndexerError):
    """Another process is writing to the collection at ``path``."""

    exit_code = 4

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"Another process is writing to the collection at {path}. "
            "Searching still works; wait until the other run ends, then run this command again."
        )


class SchemaTooNew(IndexerError):
    """The collection was written by a newer findmake."""

    def __init__(self, found: int, supported: int) -> None:
        self.found = found
        self.supported = supported
        super().__init__(
            f"This collection has schema version {found}; this findmake reads up to {supported}. "
            "Update findmake, or index into another --collection."
        )


class StorageFailure(IndexerError):
    """The collection's files could not be read or written."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"The collection at {path} could not be read or written: {reason}. Nothing that was stored "
            "before is lost; free some space or mend the permissions, then run the same command again."
        )


class BadAddress(IndexerError):
    """This is no address of a server that can hold a collection."""

    exit_code = 2

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(
            f"{address} is no address of a PostgreSQL database. Write it as "
            "postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE, or give a folder."
        )


class ServerUnreachable(IndexerError):
    """The server that holds a collection does not answer, or refuses."""

    exit_code = 4

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(
            f"The database at {address} cannot be used: {reason}. See that the server runs, that the "
            "database exists, and that PGPASSWORD or ~/.pgpass holds the password; then run it again."
        )


class UnfitServer(IndexerError):
    """A database cannot hold a collection as it is."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"This PostgreSQL database cannot hold a collection: {reason}. It needs the encoding UTF8 and "
            "the extensions vector (pgvector 0.8 or newer) and citext; see docs/servers.md."
        )


class ClusterFailure(IndexerError):
    """A Ray cluster cannot be reached, or lost a part of the work for good."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"Ray could not do the work: {reason}. What was written before is kept; see that the cluster "
            "runs and that all its machines see the files and the model, then run the same command again."
        )


class VectorsUnreachable(IndexerError):
    """The Milvus server of a collection does not answer, or refuses."""

    exit_code = 4

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(
            f"The Milvus server at {address} cannot be used: {reason}. Nothing is lost: see that it runs, "
            "then run this again; or search without it after: findmake index --vectors here"
        )


class MissingPackage(IndexerError):
    """A package that was not asked for at installation is needed now."""

    exit_code = 2

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        super().__init__(
            f"This needs the package {package}, which is not installed. Install it with: "
            f"pip install 'findmake[{extra}]'"
        )


class ItemNotFound(IndexerError):
    """No item has this id or path."""

    def __init__(self, item: str) -> None:
        self.item = item
        super().__init__(
            f"No item {item!r} in this collection. Give an id as printed by search, or the path of a picture."
        )


class NotGenerated(IndexerError):
    """The item was not made here."""

    def __init__(self, item_id: int, action: str) -> None:
        self.item_id = item_id
        self.action = action
        super().__init__(
            f"Cannot {action} item {item_id}: it was imported, not made here. List what was generated with: "
            'findmake search WORDS --where "origin=generated"'
        )


class BadTag(IndexerError):
    """A label that cannot be kept as a tag."""

    def __init__(self, tag: str, reason: str) -> None:
        self.tag = tag
        self.reason = reason
        super().__init__(f"Cannot use {tag!r} as a tag: {reason}. A tag is a short label such as 'sale'.")


class EncoderMismatch(IndexerError):
    """The collection belongs to another model."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected = expected
        self.found = found
        super().__init__(
            f"This collection was built with the model {expected!r}, not with {found!r}. "
            f"Use --model {expected}, or change the collection's model in place with: findmake model {found}"
        )


class EncoderDrift(IndexerError):
    """The model has the right name but gives other embeddings than when the collection was made."""

    def __init__(self, model: str, agreement: float) -> None:
        self.model = model
        self.agreement = agreement
        super().__init__(
            f"The model {model!r} no longer gives the embeddings this collection was built with (cosine "
            f"{agreement:.4f} on the stored canaries, expected at least 0.99): its weights or preprocessing "
            "have changed. Embed the collection again in place with 'findmake index', or choose its model "
            "with 'findmake model NAME'; tags and all else stay."
        )


class EncoderReplaced(IndexerError):
    """The collection's embeddings were replaced by those of another encoder while it was open."""

    def __init__(self, old: str, new: str) -> None:
        self.old = old
        self.new = new
        what = f"a newer version of {new!r}" if old == new else f"{new!r} in place of {old!r}"
        super().__init__(
            f"The collection was embedded again by another process meanwhile, with the model {what}. "
            "Do the same once more; a server or a program that goes on refusing must be started again."
        )


class DimensionMismatch(IndexerError):
    """Embeddings of another width than the index holds."""

    def __init__(self, expected: int, found: int) -> None:
        self.expected = expected
        self.found = found
        super().__init__(
            f"Expected embeddings of {expected} numbers, got {found}. Use the collection's own model."
        )


class ModelUnavailable(IndexerError):
    """A model's weights are not here and cannot be fetched."""

    exit_code = 5

    def __init__(self, model: str, reason: str, hint: str = "") -> None:
        self.model = model
        self.reason = reason
        hint = hint or "'--model starter' works without any download; 'findmake models' lists the rest."
        super().__init__(f"The model {model!r} cannot be loaded: {reason}. {hint}")


class UnreadableImage(IndexerError):
    """A picture could not be decoded."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"Cannot read {path} as a picture: {reason}.")


class UnreadableSource(IndexerError):
    """A folder, table or text file could not be read."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"Cannot read {path}: {reason}.")


class IndexCorrupt(IndexerError):
    """An index file failed its size or checksum; it is rebuilt from SQLite."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"The index file {path} is not usable: {reason}. It is rebuilt from the database.")
