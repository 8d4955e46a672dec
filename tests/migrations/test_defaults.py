"""`same_default`: what servers tell of a default, against what models say, without a server."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect

from plimsoll.migrations.defaults import same_default

MYSQL: Dialect = mysql.dialect()
POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
SQLITE: Dialect = sqlite.dialect()

SAME: list[tuple[Dialect, str | None, Any, Any]] = [
    (MYSQL, "'it''s'", sa.String(9), "it's"),
    (MYSQL, "_utf8mb4'x'", sa.String(9), "x"),
    (MYSQL, "1", sa.Boolean(), sa.true()),
    (MYSQL, "0.00", sa.Numeric(5, 2), "0"),
    (MYSQL, "current_timestamp()", sa.DateTime(), sa.func.now()),
    (MYSQL, "CURRENT_TIMESTAMP", sa.DateTime(), sa.text("now()")),
    (MYSQL, "current_timestamp(3)", sa.DateTime(), sa.text("CURRENT_TIMESTAMP(3)")),
    (
        MYSQL,
        "current_timestamp() ON UPDATE current_timestamp()",
        sa.DateTime(),
        sa.text("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"),
    ),
    (MYSQL, "current_timestamp() ON UPDATE current_timestamp()", sa.TIMESTAMP(), None),
    (MYSQL, None, sa.String(40), sa.text("(uuid())")),
    (MYSQL, "(-(0.5))", sa.Numeric(8, 3), sa.text("-0.5")),
    (MYSQL, "(lower(_utf8mb4'X'))", sa.String(40), sa.text("(lower('X'))")),
    (MYSQL, r"(concat(_utf8mb4'it\'s',_utf8mb4' x'))", sa.String(40), sa.text("(concat('it''s', ' x'))")),
    (POSTGRESQL, "'x'::character varying", sa.String(9), "x"),
    (POSTGRESQL, "'a'::letters", sa.Enum("a", "b", name="letters"), "a"),
    (POSTGRESQL, "'{}'::integer[]", postgresql.ARRAY(sa.Integer), "{}"),
    (POSTGRESQL, "'-1'::integer", sa.Integer(), "-1"),
    (POSTGRESQL, "false", sa.Boolean(), "f"),
    (POSTGRESQL, "CURRENT_TIMESTAMP", sa.DateTime(), sa.func.now()),
    (POSTGRESQL, "(now() + '1 day'::interval)", sa.DateTime(), sa.text("now() + interval '1 day'")),
    (POSTGRESQL, "nextval('s'::regclass)", sa.Integer(), sa.text("nextval('s')")),
    (POSTGRESQL, "lower('X'::text)", sa.Text(), sa.text("(lower('X'))")),
    (SQLITE, "('')", sa.String(9), ""),
    (SQLITE, "(CURRENT_TIMESTAMP)", sa.DateTime(), sa.func.now()),
    (SQLITE, "((1) + (2))", sa.Integer(), sa.text("(1 + 2)")),
    (SQLITE, None, sa.Integer(), None),
]
DIFFERENT: list[tuple[Dialect, str | None, Any, Any]] = [
    (MYSQL, "'x'", sa.String(9), "X"),
    (MYSQL, "' x'", sa.String(9), "x"),
    (MYSQL, None, sa.String(9), "x"),
    (MYSQL, None, sa.DateTime(), sa.func.now()),
    (MYSQL, "'x'", sa.String(9), None),
    (MYSQL, "0", sa.Boolean(), sa.true()),
    (MYSQL, "current_timestamp()", sa.DateTime(), sa.text("CURRENT_TIMESTAMP(3)")),
    (MYSQL, "current_timestamp()", sa.DateTime(), sa.text("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")),
    (POSTGRESQL, "'0.5'::numeric", sa.Numeric(5, 2), "0.05"),
    (POSTGRESQL, "'now()'::text", sa.Text(), sa.text("now()")),
    (POSTGRESQL, "gen_random_uuid()", sa.Uuid(), sa.text("uuid_generate_v4()")),
    (POSTGRESQL, "(now() + '2 days'::interval)", sa.DateTime(), sa.text("now() + interval '1 day'")),
    (POSTGRESQL, None, sa.Text(), sa.text("lower('X')")),
    (SQLITE, "'1'", sa.String(9), "01"),
]


def _column(kind: Any, default: Any) -> sa.Column[Any]:
    column = sa.Column("x", kind, server_default=default)
    sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), column)
    return column


@pytest.mark.parametrize(("dialect", "there", "kind", "wanted"), SAME)
def test_what_a_server_tells_in_its_own_way_is_the_same(dialect: Dialect, there: str, kind: Any, wanted: Any) -> None:
    """Quotes, casts, parentheses, other names of a function and other ways of writing a number mean nothing."""
    assert same_default(there, _column(kind, wanted), dialect)


@pytest.mark.parametrize(("dialect", "there", "kind", "wanted"), DIFFERENT)
def test_another_value_is_another_default(dialect: Dialect, there: str, kind: Any, wanted: Any) -> None:
    """Case, spaces and digits inside a literal count, and so does a default that is missing or too many."""
    assert not same_default(there, _column(kind, wanted), dialect)


def test_a_numbered_primary_key_has_its_default_by_itself() -> None:
    """PostgreSQL tells a default for a SERIAL that the model does not name."""
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
    assert same_default("nextval('t_id_seq'::regclass)", table.c.id, POSTGRESQL)
    assert not same_default("nextval('t_n_seq'::regclass)", table.c.n, POSTGRESQL)
