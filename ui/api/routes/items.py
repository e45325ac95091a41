"""Routes that look at items, add, tag and remove them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Response, UploadFile

from indexer import Compare, Generated, ItemNotFound, Tagging, discard, promote
from indexer import Item as Kept
from search import parse_filter

from ..schemas.base import LARGEST_ID
from ..schemas.jobs import Job
from ..schemas.links import image_of, thumbnail_of
from ..schemas.search import Item, ItemChange, Items, Registration, Removed
from ..service import Here, Service
from .add_items import add_picture, recaption, register, remove_item
from .pictures import ItemId

router = APIRouter(tags=["items"])
_SHOWN = (
    *("prompt", "negative_prompt", "model", "revision", "mode", "seed", "scheduler", "steps", "guidance"),
    *("width", "height", "for_query", "verdict"),
)


@router.get("/items", operation_id="items")
async def items(
    here: Here,
    where: Annotated[str, Query(max_length=2_000, description="Only items such as: tag:sale")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="next_cursor.")] = None,
    generated: Annotated[bool, Query(description="Also what was made here and not promoted.")] = False,
) -> Items:
    """List items, the newest first. Pages by cursor stay whole while items come and go."""
    return await here.do(_items, here, where, limit, cursor, generated)


@router.get("/items/{item_id}", operation_id="item")
async def item(here: Here, item_id: ItemId) -> Item:
    """All that is known of an item."""
    return await here.do(_item, here, item_id)


@router.post(
    "/items",
    operation_id="add_item",
    status_code=201,
    responses={
        200: {"model": Item, "description": "The very picture was uploaded before; this is its item."}
    },
)
async def add_item(
    here: Here,
    response: Response,
    picture: Annotated[UploadFile, File(description="JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF.")],
    title: Annotated[str, Form(max_length=200, description="Else the file's name.")] = "",
    text: Annotated[str, Form(max_length=20_000, description="A caption or description.")] = "",
) -> Item:
    """Add a picture; it is found by the next search. The same picture twice is one item."""
    data = await picture.read()
    name = title or picture.filename or ""
    item_id, is_new = await here.do(add_picture, here, data, name, text)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/items/{item_id}"
    return await here.do(_item, here, item_id)


@router.post("/register", operation_id="register", status_code=202)
async def register_path(here: Here, asked: Registration) -> Job:
    """Index a file, folder or table below one of the folders that the server was told to allow."""
    return await here.do(register, here, asked.path)


@router.patch("/items/{item_id}", operation_id="change_item")
async def change_item(here: Here, item_id: ItemId, change: ItemChange) -> Item:
    """Give an item tags, take tags away from it, and give what was uploaded another caption."""
    if change.text is not None:
        await here.do(recaption, here, item_id, change.text)
    await here.do(_tag, here, item_id, change)
    return await here.do(_item, here, item_id)


@router.post("/items/{item_id}/promote", operation_id="promote_item")
async def promote_item(here: Here, item_id: ItemId) -> Item:
    """Let a picture that was made here be found like any other item; it stays marked."""
    await here.do(here.write, partial(promote, here.collection, [item_id]))
    return await here.do(_item, here, item_id)


@router.post("/items/{item_id}/discard", operation_id="discard_item")
async def discard_item(here: Here, item_id: ItemId) -> Removed:
    """Remove a picture that was made here, with its file; never anything else."""
    await here.do(here.write, partial(discard, here.collection, [item_id]))
    return Removed(id=item_id, file=True)


@router.delete("/items/{item_id}", operation_id="remove_item")
async def delete_item(here: Here, item_id: ItemId) -> Removed:
    """Remove an item. What was uploaded or made here loses its file too; files elsewhere stay as they are.

    The next indexing run brings an item back whose file is still there.
    """
    return await here.do(remove_item, here, item_id)


def _items(here: Service, where: str, limit: int, cursor: int | None, generated: bool) -> Items:
    condition = parse_filter(where) if where.strip() else Compare(field="id", operator=">", value=0)
    ids = here.collection.select(condition, apart=generated)
    older = ids if cursor is None else ids[ids < cursor]
    shown = older[::-1][:limit].tolist()
    return Items(
        items=[
            describe(each, show_paths=here.options.show_paths) for each in here.collection.store.items(shown)
        ],
        total=len(ids),
        next_cursor=shown[-1] if len(older) > limit else None,
    )


def _item(here: Service, item_id: int) -> Item:
    return describe(here.collection.item(item_id), show_paths=here.options.show_paths)


def _tag(here: Service, item_id: int, change: ItemChange) -> None:
    store = here.collection.store
    here.collection.item(item_id)
    taggings = [Tagging(item_id=item_id, tag=tag) for tag in change.add]
    taken = [
        Tagging(item_id=item_id, tag=tag).tag for tag in change.remove
    ]  # all are checked before any goes
    for tag in taken:
        here.write(lambda tag=tag: store.remove_tags([item_id], tag=tag))  # type: ignore[misc]
    if taggings and not here.write(lambda: store.add_tags(taggings)):
        raise ItemNotFound(str(item_id))  # removed by somebody else this very moment


def describe(kept: Kept, *, show_paths: bool) -> Item:
    """Shape an item; where its file is stays untold unless paths are shown."""
    return Item(
        id=kept.id,
        title=kept.title,
        text=kept.text,
        modality=kept.modality,
        width=kept.width,
        height=kept.height,
        attributes=dict(kept.attributes),
        tags=list(kept.tags),
        origin=kept.origin,
        apart=kept.apart,
        provenance=_provenance(kept, show_paths),
        path=(kept.path or kept.key) if show_paths else None,
        thumbnail=thumbnail_of(kept),
        image=image_of(kept),
    )


def _provenance(kept: Kept, show_paths: bool) -> dict[str, Any]:
    found = kept.provenance
    if not isinstance(found, Generated):
        told = {"at": found.at.isoformat(timespec="seconds"), "synthetic": found.synthetic}
        return told | ({"source": found.source} if show_paths else {})
    told = {name: getattr(found, name) for name in _SHOWN}
    return told | {"at": found.at.isoformat(timespec="seconds"), "parents": list(found.parents)}
