import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.access.rights import MOST_BYTES, PRIVILEGES, ObjectRights
from pgward.client.access import objects
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "rights"),
    [
        (
            "table shop.public.orders:SELECT",
            ObjectRights("shop", "table", "public", "orders", ("SELECT",)),
        ),
        (
            " Tables shop.public.* : insert, select  +future ",
            ObjectRights("shop", "table", "public", "*", ("INSERT", "SELECT"), future=True),
        ),
        (
            'view shop."My Schema"."a.b""c:d":SELECT',
            ObjectRights("shop", "table", "My Schema", 'a.b"c:d', ("SELECT",)),
        ),
        (
            "database Shop:CONNECT,TEMP",
            ObjectRights("Shop", "database", "", "", ("CONNECT", "TEMPORARY")),
        ),
        ("schema shop.public:usage", ObjectRights("shop", "schema", "", "public", ("USAGE",))),
        (
            "sequence shop.public.ids:all privileges",
            ObjectRights("shop", "sequence", "public", "ids", ("SELECT", "UPDATE", "USAGE")),
        ),
        (
            "procedure shop.public.pay:execute",
            ObjectRights("shop", "function", "public", "pay", ("EXECUTE",)),
        ),
    ],
)
def test_what_people_write_is_read(text, rights):
    assert objects.read(text) == rights


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "'' is not understood", f"for example: {objects.EXAMPLE!r}"),
        ("shop.public.orders", "'shop.public.orders' is not", f"for example: {objects.EXAMPLE!r}"),
        ("table a.b.c:", "'table a.b.c:' is not understood", "for example"),
        ("table a.b.c; drop:SELECT", "is not understood", "for example"),
        ("function a.b.c(integer):EXECUTE", "is not understood", "for example"),
        ("index a.b.c:SELECT", "'index' is no kind of object", "one of database, schema, table"),
        ("table a.b:SELECT", "a.b is not the name of a table", "write it as DATABASE.SCHEMA.NAME"),
        ("schema a.b.c:USAGE", "a.b.c is not the name of a schema", "DATABASE.SCHEMA"),
        ("database a.b:CONNECT", "a.b is not the name of a database", "write it as DATABASE"),
        ("table a.b.c:SELEKT", "SELEKT is no privilege on a table", "there are DELETE, INSERT"),
        ("table a.b.c:SELECT,ALL", "ALL is no privilege on a table", "there are"),
        (f"database {'x' * 64}:CONNECT", "cannot be a name", "at most 63 bytes"),
        ('database "a\0":CONNECT', "cannot be a name", "at most 63 bytes"),
    ],
)
def test_what_is_not_understood_is_told_with_how_it_is_written(text, message, hint):
    with pytest.raises(InvalidInputError) as caught:
        objects.read(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


NAMES = st.text(min_size=1, max_size=20).filter(
    lambda name: "\0" not in name and len(name.encode("utf-8", "replace")) <= MOST_BYTES
)


@st.composite
def rights(draw):
    kind = draw(st.sampled_from(sorted(PRIVILEGES)))
    privileges = draw(st.sets(st.sampled_from(sorted(PRIVILEGES[kind])), min_size=1))
    names = NAMES.filter(_is_utf8)
    return ObjectRights(
        database=draw(names),
        kind=kind,
        schema="" if kind in ("database", "schema") else draw(names),
        name="" if kind == "database" else draw(names),
        privileges=tuple(sorted(privileges)),
        future=draw(st.booleans()),
    )


def _is_utf8(name):
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@given(rights())
def test_what_is_written_is_read_back_whatever_the_names_are(each):
    assert objects.read(objects.write(each)) == each
    assert objects.told(each.to_json()) == objects.write(each)


@given(st.text(max_size=60))
def test_nothing_but_our_own_error_comes_of_any_text(text):
    try:
        read = objects.read(text)
    except InvalidInputError:
        return
    assert objects.read(objects.write(read)) == read
