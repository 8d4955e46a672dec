"""Catalogue items. The writing handlers are one transaction each: `TransactionDep` commits when they return."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from app.models import Item
from app.paging import Page, Paging, fetch_page
from app.problems import described, problem
from app.schemas.items import Category, ItemAnswer, ItemFields, ItemSummary
from app.schemas.values import MAX_ID, Id
from app.security import Vendor
from plimsoll.fastapi import IntegrityConflict, ReadSessionDep, TransactionDep

router = APIRouter(tags=["items"])
ItemId = Annotated[int, Path(ge=1, le=MAX_ID)]
SUMMARY_ATTRIBUTES = [getattr(Item, name) for name in ItemSummary.model_fields]


@router.get("/items", summary="List items", responses=described(422))
async def list_items(
    session: ReadSessionDep,
    page: Paging,
    category: Annotated[Category | None, Query()] = None,
    vendor_id: Annotated[Id | None, Query()] = None,
) -> Page[ItemSummary]:
    """List active items, the oldest first, without their long texts and profiles."""
    query = select(Item).where(Item.is_active).options(load_only(*SUMMARY_ATTRIBUTES, raiseload=True))
    if category is not None:
        query = query.where(Item.category == category)
    if vendor_id is not None:
        query = query.where(Item.vendor_id == vendor_id)
    rows, following = await fetch_page(session, query, Item.id, page)
    return Page(items=[ItemSummary.model_validate(row[0]) for row in rows], next=following)


@router.post(
    "/items",
    status_code=201,
    summary="Offer an item",
    responses=described(400, 401, 403, 408, 409, 413, 422),
    dependencies=[IntegrityConflict],
)
async def create_item(item: ItemFields, caller: Vendor, session: TransactionDep) -> ItemAnswer:
    """Put an item of the calling vendor into the catalogue."""
    made = Item(vendor_id=caller.account_id, rating="0.00", **item.model_dump())
    session.add(made)
    await session.flush()
    return ItemAnswer.model_validate(made)


@router.get("/items/{item_id}", summary="Read an item", responses=described(404, 422))
async def read_item(item_id: ItemId, session: ReadSessionDep) -> ItemAnswer:
    """Read one item with all there is to know, the profile of a performing team included."""
    return ItemAnswer.model_validate(await _find(session, item_id))


@router.put("/items/{item_id}", summary="Change an item", responses=described(400, 401, 403, 404, 408, 413, 422))
async def change_item(item_id: ItemId, change: ItemFields, caller: Vendor, session: TransactionDep) -> ItemAnswer:
    """Say anew what an item is. Bookings made before keep their prices."""
    item = await _find(session, item_id)
    if not caller.may_change(item.vendor_id):
        raise problem(403, "This item belongs to another vendor.")
    for field, value in change.model_dump().items():
        setattr(item, field, value)
    await session.flush()
    return ItemAnswer.model_validate(item)


async def _find(session: AsyncSession, item_id: int) -> Item:
    item = await session.get(Item, item_id)
    if item is None:
        raise problem(404, f"There is no item {item_id}.")
    return item
