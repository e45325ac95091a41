"""Checks of what a collection needs around it: its lock, space, its model, the table of jobs."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..collection.backends import DATABASE, lock_of, open_database
from ..encoders import model_available
from ..errors import CollectionBusy, EncoderDrift, EncoderMismatch, ModelUnavailable, StorageFailure
from ..storage.database import Database, SqliteDatabase
from ..storage.inspection import Inspection
from .finding import MEND, Finding, Patient, counted, fine

JOBS = "jobs.sqlite"
LEAST_FREE = 200_000_000
"""Bytes that should be free; a copy of the database is wanted beside that."""


def check_lock(folder: Path) -> Finding:
    """See whether somebody is writing. A lock whose process has ended holds nobody up."""
    database = open_database(folder)
    try:
        with lock_of(folder, database).held(alone=True):
            return fine("lock", "Nobody is writing, and no old lock is in the way.")
    except CollectionBusy:
        return Finding(
            check="lock",
            state="note",
            sentence="Another process is writing to the collection at this moment.",
            remedy="That is as it should be if you started one. Else end it: its lock ends with it.",
        )
    except StorageFailure as error:
        return Finding(
            check="lock",
            state="trouble",
            sentence=f"Nothing can be written into {folder}: {error.reason}.",
            remedy="Mend the permissions of the folder.",
        )
    finally:
        database.close()


def check_space(folder: Path) -> Finding:
    """See whether the disk has room for the collection to grow, and for a copy of its database."""
    free = shutil.disk_usage(folder).free
    file = folder / DATABASE
    wanted = LEAST_FREE + (file.stat().st_size if file.is_file() else 0)
    told = f"{free / 1e9:,.1f} GB are free on the disk of {folder}"
    if free >= wanted:
        return fine("disk space", f"{told}.")
    return Finding(
        check="disk space",
        state="trouble",
        sentence=f"Only {told}; {wanted / 1e9:,.1f} GB should be.",
        remedy="Make room, or move the collection's folder to another disk.",
    )


def check_jobs(folder: Path, *, repair: bool) -> Finding:
    """See whether the table of jobs is whole; it holds nothing that cannot be had again."""
    path = folder / JOBS
    if not path.is_file():
        return fine("jobs", "There is no table of jobs yet.")
    problem = database_problem(SqliteDatabase(path))
    if not problem:
        return fine("jobs", "The table of jobs is whole.")
    sentence = f"The table of jobs is damaged: {problem}."
    if not repair:
        return Finding(check="jobs", state="trouble", sentence=sentence, remedy=MEND, repairable=True)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    kept = set_aside(path)
    done = f"{sentence} It was set aside as {kept.name}; a new one is made when it is needed."
    return Finding(check="jobs", state="repaired", sentence=done, repairable=True)


def set_aside(path: Path) -> Path:
    """Rename a damaged file, without overwriting an older one; give its new path."""
    number = 1
    while (target := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(target)
    return target


def database_problem(database: Database) -> str:
    """Say what SQLite finds wrong with its file, and close it; empty if it is whole."""
    try:
        problems = Inspection(database).problems()
    except (StorageFailure, CollectionBusy) as error:
        return error.reason if isinstance(error, StorageFailure) else "it is locked"
    finally:
        database.close()
    return f"{problems[0]} ({counted(len(problems), 'finding')} in all)" if problems else ""


def check_model(patient: Patient) -> Finding:
    """See whether the model is here, and whether it still gives the embeddings of the canaries."""
    name = patient.collection.spec.name
    if patient.encoder is None:
        if model_available(name):
            return fine("model", f"The model {name} is on this machine; its embeddings were not compared.")
        return _no_model(f"The model {name} is not on this machine.")
    try:
        patient.collection.verify(patient.encoder)
    except ModelUnavailable as error:
        return _no_model(f"The model {name} cannot be loaded: {error.reason}.")
    except (EncoderDrift, EncoderMismatch) as error:
        return Finding(check="model", state="trouble", sentence=str(error))
    return fine("model", f"The model {name} gives the embeddings that the collection was made with.")


def _no_model(sentence: str) -> Finding:
    remedy = "It is fetched when it is next needed and the model hub can be reached; nothing else is wrong."
    return Finding(check="model", state="trouble", sentence=sentence, remedy=remedy)
