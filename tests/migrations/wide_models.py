"""Models with about every kind of column, default, index and key, so that a comparison can go wrong on each."""

import enum

import sqlalchemy as sa
from sqlalchemy import Column as C  # noqa: N817 - there are a hundred of them
from sqlalchemy.dialects import mysql, postgresql

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Words(sa.types.TypeDecorator[str]):
    impl = sa.String(64)
    cache_ok = True


class Cents(sa.types.TypeDecorator[int]):
    impl = sa.BigInteger
    cache_ok = True


def wide_models(dialect: str, *, named: bool) -> sa.MetaData:
    """The models for a dialect, with names for constraints by a convention or by the server."""
    metadata = sa.MetaData(naming_convention=NAMES) if named else sa.MetaData()
    _parents(metadata)
    _columns(metadata)
    _defaults(metadata, mysql=dialect == "mysql")
    _keys(metadata)
    _indexes(metadata, mysql=dialect == "mysql")
    if dialect == "mysql":
        _mysql_only(metadata)
    if dialect == "postgresql":
        _postgresql_only(metadata)
    return metadata


def _parents(metadata: sa.MetaData) -> None:
    sa.Table(
        "parents",
        metadata,
        C("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        C("code", sa.String(40), unique=True),
        C("number", sa.Integer, index=True),
        comment="those that others refer to",
    )


def _columns(metadata: sa.MetaData) -> None:
    sa.Table(
        "columns",
        metadata,
        C("id", sa.Integer, primary_key=True),
        C("bool", sa.Boolean, nullable=False),
        C("bool_checked", sa.Boolean(create_constraint=True, name="bool_checked_is_bool")),
        C("json", sa.JSON),
        C("json_never_null", sa.JSON(none_as_null=True), nullable=False),
        C("jsonb", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
        C("text", sa.Text),
        C("long", sa.Text().with_variant(mysql.LONGTEXT(), "mysql")),
        C("medium", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")),
        C("exact", sa.String(36).with_variant(mysql.VARCHAR(36, collation="utf8mb4_bin"), "mysql", "mariadb")),
        C("chars", sa.CHAR(3)),
        C("unicode", sa.Unicode(50)),
        C("unicode_text", sa.UnicodeText),
        C("commented", sa.String(255), comment="what it is for"),
        C("small", sa.SmallInteger),
        C("big", sa.BigInteger),
        C("unsigned", mysql.INTEGER(unsigned=True).with_variant(sa.Integer(), "postgresql", "sqlite")),
        C("numeric", sa.Numeric(10, 2)),
        C("float", sa.Float),
        C("double", sa.Double),
        C("float53", sa.Float(53)),
        C("date", sa.Date),
        C("time", sa.Time),
        C("datetime", sa.DateTime),
        C("datetime_zone", sa.DateTime(timezone=True)),
        C("datetime_micro", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")),
        C("timestamp", sa.TIMESTAMP),
        C("interval", sa.Interval),
        C("enum", sa.Enum(Colour)),
        C("enum_not_native", sa.Enum("a", "bb", name="not_native", native_enum=False)),
        C("enum_checked", sa.Enum("a", "bb", name="checked_enum", native_enum=False, create_constraint=True)),
        C("uuid", sa.Uuid),
        C("uuid_chars", sa.Uuid(as_uuid=False, native_uuid=False)),
        C("binary", sa.LargeBinary),
        C("binary_1000", sa.LargeBinary(1000)),
        C("decorated", Words),
        C("computed", sa.Integer, sa.Computed("small + 1", persisted=True)),
        sa.CheckConstraint("small >= 0", name="positive"),
    )


def _defaults(metadata: sa.MetaData, *, mysql: bool) -> None:
    on_update = " ON UPDATE CURRENT_TIMESTAMP" if mysql else ""
    sa.Table(
        "defaults",
        metadata,
        C("id", sa.Integer, primary_key=True),
        C("true", sa.Boolean, server_default=sa.true()),
        C("false", sa.Boolean, server_default=sa.false(), nullable=False),
        C("true_text", sa.Boolean, server_default=sa.text("true")),
        C("word", sa.String(20), server_default="hello"),
        C("quoted", sa.String(20), server_default="it's (so)"),
        C("empty", sa.String(20), server_default=""),
        C("enum", sa.Enum("a", "b", name="letters"), server_default="a"),
        C("zero", sa.Integer, server_default="0"),
        C("five", sa.Integer, server_default=sa.text("5")),
        C("minus", sa.Integer, server_default="-1"),
        C("cents", Cents, server_default="0"),
        C("no_price", sa.Numeric(10, 2), server_default="0"),
        C("minus_half", sa.Numeric(8, 3), server_default=sa.text("-0.5")),
        C("one_and_a_half", sa.Float, server_default="1.5"),
        C("now", sa.DateTime, server_default=sa.func.now()),
        C("now_zone", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        C("now_text", sa.DateTime, server_default=sa.text("CURRENT_TIMESTAMP")),
        C("touched", sa.DateTime, server_default=sa.text(f"CURRENT_TIMESTAMP{on_update}")),
        C("today", sa.Date, server_default=sa.text("(current_date)")),
        C("stamped", sa.TIMESTAMP, nullable=False, server_default=sa.func.now()),
        C("json", sa.JSON, server_default=sa.text("('{}')")),
        C("worked_out", sa.String(40), server_default=sa.text("(lower('X'))")),
    )


def _keys(metadata: sa.MetaData) -> None:
    sa.Table(
        "Mixed_Case",
        metadata,
        C("Id", sa.Integer, primary_key=True),
        C("Order", sa.Integer, nullable=False),
        C("self_id", sa.ForeignKey("Mixed_Case.Id")),
    )
    sa.Table(
        "pairs", metadata, C("a", sa.Integer, primary_key=True), C("b", sa.Integer, primary_key=True), C("c", sa.Date)
    )
    sa.Table(
        "children",
        metadata,
        C("id", sa.Integer, primary_key=True),
        C("a", sa.Integer),
        C("b", sa.Integer),
        C("parent_id", sa.ForeignKey("parents.id")),
        C("indexed_id", sa.ForeignKey("parents.id", ondelete="CASCADE"), index=True),
        C("options_id", sa.ForeignKey("parents.id", onupdate="CASCADE", ondelete="SET NULL")),
        C("unique_indexed", sa.String(20), unique=True, index=True),
        sa.ForeignKeyConstraint(["a", "b"], ["pairs.a", "pairs.b"]),
        sa.UniqueConstraint("parent_id", "a"),
        sa.UniqueConstraint("b", "a", name="a_name_of_its_own"),
    )
    sa.Table(
        "links",
        metadata,
        C("parent_id", sa.ForeignKey("parents.id"), primary_key=True),
        C("child_id", sa.ForeignKey("children.id"), primary_key=True),
        mysql_charset="utf8mb4",
    )


def _indexes(metadata: sa.MetaData, *, mysql: bool) -> None:
    table = sa.Table(
        "indexes",
        metadata,
        C("id", sa.Integer, primary_key=True),
        C("name", sa.String(50)),
        C("kind", sa.String(50)),
        sa.Index("ix_as_text", sa.text("name DESC")),
        sa.Index("ix_two", "name", "kind"),
        sa.Index("ix_prefix", "name", mysql_length={"name": 10}),
    )
    sa.Index("ix_descending", table.c.name.desc(), table.c.kind)
    there = table.c.name.is_not(None)
    sa.Index("ix_partial", table.c.kind, unique=True, postgresql_where=there, sqlite_where=there)
    if not mysql:  # MariaDB has no indexes of expressions
        sa.Index("ix_lower", sa.func.lower(table.c.name))


def _mysql_only(metadata: sa.MetaData) -> None:
    sa.Table(
        "mysql_only",
        metadata,
        C("id", mysql.BIGINT(unsigned=True), primary_key=True),
        C("year", mysql.YEAR),
        C("bit", mysql.BIT(8)),
        C("tiny", mysql.TINYINT),
        C("tiny1", mysql.TINYINT(1), server_default="1"),
        C("enum", mysql.ENUM("a", "b")),
        C("set", mysql.SET("a", "b")),
        C("double", mysql.DOUBLE),
        C("milli", mysql.DATETIME(fsp=3), server_default=sa.text("CURRENT_TIMESTAMP(3)")),
        C("micro", mysql.TIMESTAMP(fsp=6), server_default=sa.func.now(6)),
        C("text", sa.Text),
        C("varbinary", sa.VARBINARY(16)),
        C("binary", sa.BINARY(16)),
        C("decimal", sa.DECIMAL),
        C("json", mysql.JSON),
        C("zeros", mysql.INTEGER(display_width=5, zerofill=True)),
        C("uuid", sa.String(36), server_default=sa.text("(uuid())")),
        sa.Index("ix_words", "text", mysql_prefix="FULLTEXT"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_ci",
    )


def _postgresql_only(metadata: sa.MetaData) -> None:
    sa.Table(
        "postgresql_only",
        metadata,
        C("id", sa.Integer, sa.Identity(), primary_key=True),
        C("array", postgresql.ARRAY(sa.Text)),
        C("numbers", postgresql.ARRAY(sa.Integer), server_default="{}"),
        C("jsonb", postgresql.JSONB, server_default=sa.text("'{}'::jsonb")),
        C("words", postgresql.TSVECTOR),
        C("address", postgresql.INET),
        C("during", postgresql.TSTZRANGE),
        C("uuid", sa.Uuid, server_default=sa.text("gen_random_uuid()")),
        C("numeric", sa.Numeric),
        C("bits", postgresql.BIT(3)),
        C("milli", postgresql.TIMESTAMP(precision=3)),
        C("sequence", sa.Integer, server_default=sa.Sequence("some_sequence").next_value()),
        C("enum", postgresql.ENUM("x", "y", name="named")),
        C("enums", postgresql.ARRAY(sa.Enum("q", "r", name="listed"))),
        C("tomorrow", sa.DateTime(timezone=True), server_default=sa.text("now() + interval '1 day'")),
        C("no", sa.Boolean, server_default="f"),
        sa.Index("ix_gin", "jsonb", postgresql_using="gin"),
        sa.Index("ix_including", "numeric", postgresql_include=["bits"]),
        postgresql.ExcludeConstraint(("during", "&&"), name="no_overlap"),
        sa.UniqueConstraint("address", postgresql_nulls_not_distinct=True, name="one_address"),
    )
    sa.Sequence("some_sequence", metadata=metadata)
