"""Routes about the whole: health, metrics, what is served."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ui.services import operations

from ..middleware.metrics import MEDIA_TYPE
from ..schemas.search import CollectionInfo, Collections, Health
from ..service import Here, Service

router = APIRouter(tags=["server"])
VERSION = "0.1.0"


@router.get("/health", operation_id="health")
async def health(here: Here) -> Health:
    """Say whether searches can be answered; for load balancers, without a token."""
    items = await here.do(len, here.collection)
    return Health(status="ok", version=VERSION, items=items)


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"description": "Figures.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(here: Here) -> Response:
    """Figures for Prometheus."""
    return Response(await here.do(here.metrics.written), media_type=MEDIA_TYPE)


@router.get("/collections", operation_id="collections")
async def collections(here: Here) -> Collections:
    """List what is served."""
    return Collections(collections=[await here.do(_info, here)])


def _info(here: Service) -> CollectionInfo:
    facts = operations.info(here.collection)
    names = ("model", "dim", "items", "pictures", "texts", "generated")
    return CollectionInfo(
        name=here.collection.folder.name,
        path=facts["collection"] if here.options.show_paths else None,
        **{name: facts[name] for name in names},
    )
