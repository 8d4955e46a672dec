"""The application: a database from the environment, and one route."""

from pathlib import Path

from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import func, select

from plimsoll import Database, DatabaseSettings
from plimsoll.fastapi import ReadSessionDep, install
from plimsoll.seeding import AdminAccount, AdminSettings
from plimsoll.settings import Settings, read_settings, setting

from .models import Admin, Base, Item


class ShopSettings(Settings):
    """A setting of the application's own, and one of its secrets."""

    greeting: str = setting("SHOP_GREETING", default="Ahoy", help="What the first page says")
    shop_key: SecretStr = setting(
        "SHOP_KEY", default=SecretStr("nobody-may-see-it"), secret=True, help="Signs receipts"
    )


settings, admin_settings, shop_settings = read_settings(DatabaseSettings, AdminSettings, ShopSettings)
account = AdminAccount(model=Admin, settings=admin_settings, is_admin=Admin.role == "admin", new={"role": "admin"})
migrations = Path(__file__).resolve().parents[1] / "migrations"
database = Database(settings, metadata=Base.metadata, migrations=migrations, admin=account)
app = FastAPI()
install(app, database, extra_settings=(admin_settings, shop_settings))


@app.get("/items/count")
async def count(session: ReadSessionDep) -> int:
    """How many items there are."""
    return await session.scalar(select(func.count(Item.id))) or 0
