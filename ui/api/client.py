"""A typed client of the HTTP API: each method is one request, each answer a value.

with Client("http://127.0.0.1:8502") as findmake:
    answer = findmake.search("red running shoes", options=Narrowed(where="price<80"))
    if answer.verdict == "no match":
        job = findmake.wait(findmake.fill(FillRequest(query="red running shoes")).id)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from types import TracebackType
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from indexer import FindmakeError

from .schemas.jobs import ACTIVE, FillRequest, Gaps, Job, JobList, Problem
from .schemas.search import (
    Collections,
    Health,
    Item,
    ItemChange,
    Items,
    Narrowed,
    Registration,
    Removed,
    SearchAnswer,
    SearchRequest,
)

__all__ = ["ApiProblem", "Client", "FillRequest", "Narrowed", "ServerUnreachable"]

Answer = TypeVar("Answer", bound=BaseModel)
_NARROWED = Narrowed()


class ApiProblem(FindmakeError):
    """The server could not do what it was asked for.

    Attributes:
        problem: what it told, with the status.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.detail)


class ServerUnreachable(FindmakeError):
    """There is no answer, or none that the API gives."""

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(f"No answer from {address}: {reason}. Start it with: findmake serve --api")


class Client:
    """Asks one server. Safe to use from several threads.

    Every method raises ``ApiProblem`` if the server cannot do it, ``ServerUnreachable`` if it is not there.

    Args:
        address: such as ``http://127.0.0.1:8502``.
        token: the server's; None for none.
        seconds: to wait for an answer.
    """

    def __init__(self, address: str, *, token: str | None = None, seconds: float = 60.0) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._address = address
        self._http = httpx.Client(base_url=address, headers=headers, timeout=seconds, trust_env=False)

    def __enter__(self) -> Client:
        """Give the client itself."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # -- searching ------------------------------------------------------------------------------------

    def search(
        self, query: str = "", *, item: int | None = None, options: Narrowed = _NARROWED
    ) -> SearchAnswer:
        """Search by words in the query language, by an item, or both."""
        asked = SearchRequest(query=query, item=item, **options.model_dump())
        return self._ask(SearchAnswer, "POST", "/search", json=asked.model_dump())

    def search_picture(
        self, picture: bytes, *, query: str = "", item: int | None = None, options: Narrowed = _NARROWED
    ) -> SearchAnswer:
        """Search by a picture's encoded bytes, with words and an item if you like."""
        asked = SearchRequest(query=query, item=item, **options.model_dump())
        fields = {"options": asked.model_dump_json()}
        files = {"picture": ("picture", picture)}
        return self._ask(SearchAnswer, "POST", "/search/picture", data=fields, files=files)

    # -- items ----------------------------------------------------------------------------------------

    def item(self, item_id: int) -> Item:
        """Fetch all that is known of an item."""
        return self._ask(Item, "GET", f"/items/{item_id}")

    def items(
        self,
        *,
        where: str = "",
        limit: int = 50,
        cursor: int | None = None,
        generated: bool = False,
    ) -> Items:
        """List items, the newest first; a page after another by its ``next_cursor``."""
        asked: dict[str, str | int | bool] = {"where": where, "limit": limit, "generated": generated}
        if cursor is not None:
            asked["cursor"] = cursor
        return self._ask(Items, "GET", "/items", params=asked)

    def thumbnail(self, item_id: int) -> bytes:
        """Fetch the small picture, WebP."""
        return self._send("GET", f"/items/{item_id}/thumbnail").content

    def image(self, item_id: int, *, side: int | None = None) -> bytes:
        """Fetch the original file; with ``side`` a WebP of at most so many pixels."""
        return self._send("GET", f"/items/{item_id}/image", params={"side": side} if side else {}).content

    def add(self, picture: bytes, *, title: str, text: str = "") -> Item:
        """Add a picture; the same one twice is one item."""
        fields, files = {"title": title, "text": text}, {"picture": ("picture", picture)}
        return self._ask(Item, "POST", "/items", data=fields, files=files)

    def register(self, path: str) -> Job:
        """Index a path of the server's machine."""
        return self._ask(Job, "POST", "/register", json=Registration(path=path).model_dump())

    def tag(self, item_id: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Item:
        """Give an item tags, and take some away."""
        change = ItemChange(add=list(add), remove=list(remove))
        return self._ask(Item, "PATCH", f"/items/{item_id}", json=change.model_dump())

    def caption(self, item_id: int, text: str) -> Item:
        """Give a picture that was uploaded another caption."""
        return self._ask(Item, "PATCH", f"/items/{item_id}", json=ItemChange(text=text).model_dump())

    def remove(self, item_id: int) -> Removed:
        """Remove an item."""
        return self._ask(Removed, "DELETE", f"/items/{item_id}")

    def promote(self, item_id: int) -> Item:
        """Let a picture that was made here be found like any other item."""
        return self._ask(Item, "POST", f"/items/{item_id}/promote")

    def discard(self, item_id: int) -> Removed:
        """Remove a picture that was made here, and never anything else."""
        return self._ask(Removed, "POST", f"/items/{item_id}/discard")

    # -- what is lacking ------------------------------------------------------------------------------

    def gaps(self, *, since: date | None = None, limit: int = 100) -> Gaps:
        """List what the collection lacks, the most wanted first."""
        asked: dict[str, str | int] = {"limit": limit}
        if since is not None:
            asked["since"] = since.isoformat()
        return self._ask(Gaps, "GET", "/gaps", params=asked)

    def fill(self, asked: FillRequest) -> Job:
        """Begin to make what is lacking."""
        return self._ask(Job, "POST", "/fill", json=asked.model_dump())

    def job(self, job_id: str) -> Job:
        """Look at a job."""
        return self._ask(Job, "GET", f"/jobs/{job_id}")

    def jobs(self, *, limit: int = 50) -> JobList:
        """List jobs, the newest first; also those of the page."""
        return self._ask(JobList, "GET", "/jobs", params={"limit": limit})

    def job_picture(self, job_id: str, name: str = "preview") -> bytes:
        """Fetch a picture that a job keeps."""
        return self._send("GET", f"/jobs/{job_id}/pictures/{name}").content

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop."""
        return self._ask(Job, "DELETE", f"/jobs/{job_id}")

    def events(self, job_id: str) -> Iterator[Job]:
        """Watch a job: its description now and at each change, until it has ended."""
        try:
            with self._http.stream("GET", f"/jobs/{job_id}/events") as response:
                if response.is_error:
                    response.read()
                self._check(response)
                for line in response.iter_lines():
                    if line.startswith("data:"):
                        yield Job.model_validate_json(line.removeprefix("data:"))
        except httpx.TransportError as error:
            raise ServerUnreachable(self._address, str(error) or type(error).__name__) from error

    def wait(self, job_id: str) -> Job:
        """Wait until a job has ended."""
        last = self.job(job_id)
        for last in self.events(job_id):
            if last.state not in ACTIVE:
                break
        return last

    # -- the whole ------------------------------------------------------------------------------------

    def collections(self) -> Collections:
        """List what is served."""
        return self._ask(Collections, "GET", "/collections")

    def health(self) -> Health:
        """See whether it can answer."""
        return self._ask(Health, "GET", "/health")

    def metrics(self) -> str:
        """Fetch the figures in Prometheus's format."""
        return self._send("GET", "/metrics").text

    def _ask(self, kind: type[Answer], method: str, path: str, **sent: Any) -> Answer:
        return kind.model_validate_json(self._send(method, path, **sent).content)

    def _send(self, method: str, path: str, **sent: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **sent)
        except httpx.TransportError as error:
            raise ServerUnreachable(self._address, str(error) or type(error).__name__) from error
        self._check(response)
        return response

    def _check(self, response: httpx.Response) -> None:
        if not response.is_error:
            return
        try:
            told: Mapping[str, Any] = json.loads(response.content)
            raise ApiProblem(Problem.model_validate(told))
        except (ValueError, ValidationError):
            reason = f"it answers {response.status_code}, but not as the API does"
            raise ServerUnreachable(self._address, reason) from None
