"""What goes wrong, told as RFC 9457 asks (Nottingham, Wilde and Dalal 2023): problem details as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from generation import BadRequest, Blocked, GenerationError, GeneratorUnavailable, OutOfMemory
from indexer import (
    BadTag,
    CollectionBusy,
    CollectionNotFound,
    EncoderDrift,
    EncoderMismatch,
    EncoderReplaced,
    FindmakeError,
    ItemNotFound,
    ModelUnavailable,
    NotGenerated,
    StorageFailure,
    UnreadableImage,
    UnreadableSource,
)
from search import FetchFailed, SearchError

from .schemas.jobs import Problem

MEDIA_TYPE = "application/problem+json"
_RETRY_S = 5

# The first that fits.
_STATUS: tuple[tuple[type[FindmakeError], int], ...] = (
    (ItemNotFound, 404),
    (CollectionNotFound, 503),
    (CollectionBusy, 503),
    (StorageFailure, 503),
    (ModelUnavailable, 503),
    (EncoderDrift, 503),
    (EncoderMismatch, 503),
    (EncoderReplaced, 503),
    (GeneratorUnavailable, 503),
    (OutOfMemory, 503),
    (NotGenerated, 409),
    (Blocked, 403),
    (BadTag, 400),
    (UnreadableImage, 400),
    (UnreadableSource, 400),
    (FetchFailed, 400),
    (BadRequest, 400),
    (SearchError, 400),
    (GenerationError, 409),
)


class ApiError(FindmakeError):
    """A failure that only the API knows."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = dict(headers or {})
        super().__init__(detail)


def status_of(error: FindmakeError) -> int:
    """Choose the status that fits an error."""
    if isinstance(error, ApiError):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def status_named(kind: str) -> int:
    """Choose the status that fits an error of which only the class's name is left."""
    found = next((each for each in _kinds(FindmakeError) if each.__name__ == kind), FindmakeError)
    return next((status for kind, status in _STATUS if issubclass(found, kind)), 500)


def _kinds(kind: type[FindmakeError]) -> Iterator[type[FindmakeError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


def problem_of(error: FindmakeError, *, hidden: Iterable[str] | None = ()) -> Problem:
    """Tell an error.

    Args:
        error: any of ours.
        hidden: folders of this machine that the answer must not name; None to hide no paths at all.
    """
    status = status_of(error)
    detail = str(error) if hidden is None else hiding(str(error), {*paths_in(error), *hidden})
    kind = HTTPStatus(status).phrase if isinstance(error, ApiError) else type(error).__name__
    return titled(kind, status, detail)


def titled(kind: str, status: int, detail: str) -> Problem:
    """Describe a failure by the name of its class or status."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).capitalize()
    return Problem(type=_urn(words), title=words, status=status, detail=detail)


def paths_in(error: FindmakeError) -> list[str]:
    """List the paths that an error's sentence may name."""
    parts = [str(value) for value in vars(error).values() if isinstance(value, str | Path)]
    return [part for part in parts if part.startswith("/") or Path(part).is_absolute()]


def hiding(text: str, paths: Iterable[str]) -> str:
    """Write a sentence with file names in place of paths."""
    for path in sorted(set(paths), key=len, reverse=True):
        text = text.replace(path, Path(path).name or "(a folder)")
    return text


def told(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Make the response."""
    extra = {"Retry-After": str(_RETRY_S)} if problem.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status_code=problem.status,
        headers={**extra, **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def plain(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Make the response of a failure that is no error of ours: a wrong method, a missing token."""
    return told(plain_problem(status, detail), headers)


def plain_problem(status: int, detail: str) -> Problem:
    """Describe a failure that is no error of ours."""
    title = HTTPStatus(status).phrase
    return Problem(type=_urn(title), title=title, status=status, detail=detail)


def _urn(title: str) -> str:
    return f"urn:findmake:problem:{re.sub(r'[^a-z0-9]+', '-', title.lower())}"


# -- handlers --------------------------------------------------------------------------------------------


async def on_findmake_error(request: Request, error: Exception) -> JSONResponse:
    """Tell an error of ours."""
    assert isinstance(error, FindmakeError)
    headers = error.headers if isinstance(error, ApiError) else None
    return told(problem_of(error, hidden=request.app.state.service.hidden()), headers)


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Tell what the framework refuses: unknown paths and methods, bodies that are too large."""
    assert isinstance(error, HTTPException)
    detail, headers = str(error.detail), dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = "There is nothing at this address. See /openapi.json."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods_at(request))
        detail = f"This address takes {headers['Allow']}. See /openapi.json."
    return plain(error.status_code, detail, headers)


def _methods_at(request: Request) -> list[str]:
    """List the methods of an address; the framework names those of one of its routes alone."""
    found: set[str] = set()
    for path, operations in request.app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", path), request.url.path):
            found |= {method.upper() for method in operations}
    return sorted(found)


async def on_invalid(_request: Request, error: Exception) -> JSONResponse:
    """Tell what in a request does not fit its description, without repeating what was sent."""
    assert isinstance(error, RequestValidationError)
    places: list[dict[str, Any]] = [
        {"place": "/".join(map(str, each["loc"])), "reason": each["msg"]} for each in error.errors()
    ]
    first = places[0] if places else {"place": "body", "reason": "it cannot be read"}
    problem = Problem(
        type=_urn("invalid request"),
        title="Invalid request",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        detail=f"The request does not fit at {first['place']}: {first['reason']}. See /openapi.json.",
        errors=places,
    )
    return told(problem)


async def on_bug(_request: Request, _error: Exception) -> JSONResponse:
    """Tell that it was our fault; the traceback goes to the log, not to the client."""
    return plain(500, "Something is broken in the server. Its log says more.")
