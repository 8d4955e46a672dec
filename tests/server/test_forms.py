"""The form of a statement: nothing of a value is left in it, however it is written, and what is the same but for its
values has one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.server.forms import LONGEST, LONGEST_FORM, form_of

DIALECTS = ["mysql", "postgresql", "sqlite"]
MARK = "Secret4711"
NUMBER = "86753094711"


@pytest.mark.parametrize(
    ("dialect", "statement", "form"),
    [
        (
            "mysql",
            "SELECT a, `b'c` FROM t\n  WHERE x = %s AND y LIKE '%%a\\\\' -- it's\n",
            "SELECT a, `b'c` FROM t WHERE x = ? AND y LIKE ?",
        ),
        (
            "mysql",
            'SELECT * FROM t WHERE a IN ("x", 0x4D, -1.5e3, NULL) # it\'s',
            "SELECT * FROM t WHERE a IN (?, NULL)",
        ),
        ("mysql", "SELECT /*+ MAX_EXECUTION_TIME(5) */ 5--1 LIMIT 10, 20", "SELECT ?--? LIMIT ?"),
        (
            "mysql",
            "INSERT INTO t VALUES (%s, now(), %s), (%s, now(), %s),(%s, now(), %s)",
            "INSERT INTO t VALUES (?, now(), ?)",
        ),
        (
            "postgresql",
            'SELECT "user".id FROM "user" WHERE a #>> \'{b}\' = $1::VARCHAR',
            'SELECT "user".id FROM "user" WHERE a #>> ? = ?',
        ),
        (
            "postgresql",
            "SELECT $a$ $$ it's $a$, t2.md5, E'a\\\\' FROM t2 WHERE d > $1::TIMESTAMP WITH TIME ZONE",
            "SELECT ?, t2.md5, ? FROM t2 WHERE d > ?",
        ),
        (
            "postgresql",
            "SELECT x::text, %(name_1)s::INTEGER[] FROM t WHERE n = -3",
            "SELECT x::text, ? FROM t WHERE n = ?",
        ),
        (
            "sqlite",
            'SELECT "order".id, [it\'s] FROM "order" WHERE b = "order" OR c = :c',
            'SELECT "order".id, [it\'s] FROM "order" WHERE b = ? OR c = ?',
        ),
        ("sqlite", 'SELECT 1 WHERE a IS NOT DISTINCT FROM "b"', "SELECT ? WHERE a IS NOT DISTINCT FROM ?"),
    ],
)
def test_a_form_has_the_names_and_no_values(dialect: str, statement: str, form: str) -> None:
    """As people write statements, and as SQLAlchemy sends them."""
    assert form_of(statement, dialect) == form


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("value", ["?", "%s", ":id_1", "5", "'five'"])
@pytest.mark.parametrize(
    "statement", ["SELECT a FROM t WHERE b IN ({}) ORDER BY a", "INSERT INTO t VALUES ({0}), ({0})"]
)
def test_lists_of_any_length_have_one_form(dialect: str, value: str, statement: str) -> None:
    """Of values, and of rows of them."""
    forms = {form_of(statement.format(", ".join([value] * count)), dialect) for count in (1, 2, 7, 1000)}
    assert len(forms) == 1
    assert "(?)" in forms.pop()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("end", [f"'a\\' {MARK}'", f"/* a /* {MARK}", f"/* a /* b */ {MARK} */", f"'{MARK}"])
def test_what_can_be_read_in_two_ways_is_left_out(dialect: str, end: str) -> None:
    """A quote after a backslash, for one, ends a string or does not, by the dialect and by its settings."""
    assert form_of(f"SELECT a FROM t WHERE b = {end} AND {MARK}", dialect) == "SELECT a FROM t WHERE b = ? ..."


def test_what_mysql_carries_out_in_a_comment_is_left_out() -> None:
    """A quote in there may hide its end."""
    assert form_of(f"SELECT /*!50000 'a*/', '{MARK}' */ a", "mysql") == "SELECT ? ..."


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("piece", ["(", "()", "a,", "a.b(", "'", '"', "/*", "$a", "1,", "(?),", "(?, a()),", "- "])
def test_a_statement_made_to_take_long_does_not(dialect: str, piece: str) -> None:
    """Whatever is repeated, the time grows as the text does: were it by its square, this would take hours."""
    for text in (piece * LONGEST, f"({piece * LONGEST}", piece * LONGEST + "'"):
        assert len(form_of(text, dialect)) <= LONGEST_FORM


_junk = st.text(alphabet="ab '\"\\`$-*/#\n[](),?%:;.é0", max_size=12)


def _quoted(dialect: str, content: str) -> st.SearchStrategy[str]:
    """A literal with this content, or a comment."""
    doubled = content.replace("'", "''")
    backslashed = content.replace("\\", "\\\\")
    line = content.replace("\n", "")
    ways = [f" /* {content.replace('*', '').replace('/', '')} */ ", f" -- {line}\n"]
    ways += [f" {NUMBER}", f" {NUMBER}.5", f" .{NUMBER}e-7"]
    if dialect == "mysql":
        ways += [f"'{backslashed.replace(chr(39), chr(39) * 2)}'", "'" + backslashed.replace("'", "\\'") + "'"]
        ways += ['"' + backslashed.replace('"', '""') + '"', f" # {line}\n"]
        ways += [f" _utf8mb4'{backslashed.replace(chr(39), chr(39) * 2)}'"]
    else:
        ways += [f"'{doubled}'", f"x'{NUMBER}'"]
    if dialect == "postgresql":
        ways += [" E'" + backslashed.replace("'", how) + "'" for how in ("''", "\\'")]
        ways += [f" {tag}{content.replace('$', '')}{tag} " for tag in ("$$", "$tag$", "$a_1$")]
    if dialect == "sqlite":
        ways += [' = "' + content.replace('"', '""') + '"']
    return st.sampled_from(ways)


_GLUE = {
    "mysql": ["`we'ird`", '- "a"', "%s", "/*+ hint */ ", "#\n", "-- \n"],
    "postgresql": ['"us\'er".id', "$1", "::text ", "%(a)s", "--'\n", "a$b$c "],
    # Right behind a string in the same quotes it would be one name with that.
    "sqlite": [' "us".id', "[it's]", "`it's`", ":name ", "--'\n"],
}
_EVERYWHERE = [
    " SELECT ",
    ", ",
    " = ",
    " IN (",
    ")",
    "LIKE",
    " t.c ",
    " ",
    "\n",
    "(",
    " - ",
    " 1",
    "''",
    " ?",
    " é",
    ";",
]


@st.composite
def _statements(draw: st.DrawFn) -> tuple[str, str]:
    dialect = draw(st.sampled_from(DIALECTS))
    glue = st.sampled_from(_EVERYWHERE + _GLUE[dialect])
    literal = st.builds(lambda before, after: before + MARK + after, _junk, _junk).flatmap(
        lambda content: _quoted(dialect, content)
    )
    pieces = draw(st.lists(st.one_of(glue, literal), max_size=12))
    # Two strings side by side are one with a quote in it, which is no matter, but "''" before a string is not empty.
    return dialect, " ".join(pieces) if draw(st.booleans()) else "".join(pieces).replace("'''", "'' '")


@given(_statements())
def test_no_literal_is_left_wherever_it_stands(case: tuple[str, str]) -> None:
    """In every way of quoting that a dialect has, beside everything that looks like one."""
    dialect, statement = case
    form = form_of(statement, dialect)
    assert MARK not in form
    assert NUMBER not in form
