"""The application: routes, what stands before them, and the OpenAPI document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from indexer import FindmakeError

from . import problems
from .middleware.access import OPEN_PATHS, Gate, Patience, Sized
from .middleware.metrics import Measured
from .options import ApiOptions
from .routes import gaps, items, meta, pictures, search
from .schemas.jobs import Problem
from .service import Service

_DESCRIPTION = """\
Search a catalogue by meaning; when nothing matches, say so, and make it.

A search answers with hits and a **verdict**: `match`, `weak` or `no match`, with the calibrated probability
that anything here answers the query. Errors are problem details (RFC 9457). Pictures are served by an item's
id. Work that takes long is a job, to be polled or watched by server-sent events.
"""
_SECURITY = {"token": {"type": "http", "scheme": "bearer", "description": "The server's token."}}
_PROBLEM = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def create_app(service: Service) -> FastAPI:
    """Make the application.

    Args:
        service: what it serves; closed when the application ends.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="findmake",
        version=meta.VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        middleware=_middleware(service, service.options),
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for module in (search, pictures, items, gaps, meta):
        app.include_router(module.router)
    app.add_exception_handler(FindmakeError, problems.on_findmake_error)
    app.add_exception_handler(HTTPException, problems.on_http_exception)
    app.add_exception_handler(RequestValidationError, problems.on_invalid)
    app.add_exception_handler(Exception, problems.on_bug)
    app.openapi = _documented(app, service.options)  # type: ignore[method-assign]
    return app


def _middleware(service: Service, options: ApiOptions) -> list[Middleware]:
    """The outermost first; a browser's question before a request (CORS preflight) carries no token."""
    chain = [Middleware(Measured, service.metrics)]
    if options.origins:
        chain.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(options.origins),
                allow_methods=["GET", "POST", "PATCH", "DELETE"],
                allow_headers=["Authorization", "Content-Type", "If-None-Match", "Range"],
                expose_headers=["ETag", "Content-Range", "Location", "Retry-After"],
            )
        )
    return [
        *chain,
        Middleware(Gate, options),
        Middleware(Patience, options.seconds),
        Middleware(Sized, options.most_bytes),
    ]


def _documented(app: FastAPI, options: ApiOptions) -> Callable[[], dict[str, Any]]:
    """Complete the document: problems in place of the framework's errors, and the token."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = original()  # which the application keeps, so that it is completed once
        schemas = document["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _complete(operation, needs_token=options.token is not None and path not in OPEN_PATHS)
        if options.token is not None:
            document["components"]["securitySchemes"] = _SECURITY
        return document

    return openapi


def _complete(operation: dict[str, Any], *, needs_token: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    responses["4XX"] = {
        "description": "The request cannot be served; see the problem.",
        "content": _PROBLEM,
    }
    responses["5XX"] = {"description": "The server cannot serve it now.", "content": _PROBLEM}
    if needs_token:
        operation["security"] = [{"token": []}]
