import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.errors import PgwardError
from pgward.policy import tree
from pgward.policy.tree import Node, UnparsedError, parse


def outline(node, depth=2):
    """Say what is in a node, some levels deep."""
    found = {}
    for name, value in node.fields():
        found.setdefault(name, []).append(shown(value, depth))
    return found


def shown(value, depth):
    if not isinstance(value, Node):
        return value
    return (value.name, outline(value, depth - 1)) if depth else value.name


def why(text, **options):
    with pytest.raises(UnparsedError) as caught:
        parse(text, **options)
    return caught.value


def test_a_tree_is_read():
    (raw,) = parse(b"SELECT 300 FROM a.b")
    assert outline(raw, 3) == {
        "stmt": [
            (
                "SelectStmt",
                {
                    "target_list": [
                        (
                            "ResTarget",
                            {
                                "val": [("A_Const", {"ival": ["Integer"], "location": [7]})],
                                "location": [7],
                            },
                        )
                    ],
                    "from_clause": [
                        (
                            "RangeVar",
                            {
                                "schemaname": ["a"],
                                "relname": ["b"],
                                "inh": [1],
                                "relpersistence": ["p"],
                                "location": [16],
                            },
                        )
                    ],
                    "limit_option": [1],
                    "op": [1],
                },
            )
        ]
    }


def test_statements_stand_one_after_another():
    second = parse("SELECT 'é'; ; SELECT 2".encode())[1]
    assert outline(second, 0) == {"stmt": ["SelectStmt"], "stmt_location": [15]}
    assert parse(b" -- nothing\n;") == []


def test_a_backslash_means_what_the_setting_says():
    text = rb"SELECT 'a\'; DROP TABLE b; --'"
    assert len(parse(text)) == 2
    assert len(parse(text, backslashes_escape=True)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"SELEC 1", 'syntax error at or near "SELEC"'),
        (b"SELECT 'a", "unterminated quoted string"),
        (b"SELECT 1\0; DROP TABLE a", "zero byte"),
        (b"/*" * 501 + b"*/" * 501, "too many comments"),
        (b"SELECT " + b"-+" * 600 + b"1", "too long an operator"),
        (b"SELECT " + b"(1," * 5000, "memory exhausted"),
        (b"SELECT 1" + b"+1" * 2001, "too many operators"),
        (b"SELECT " + b"- " * 2002 + b"1", "too many operators"),
        (b"SELECT 1" + b"::int" * 1001, "too many operators"),
        (b"SELECT 1 --'\n" + b"+1" * 2001 + b" --'\n", "too many operators"),
    ],
)
def test_what_cannot_be_read_says_why(text, said):
    assert said in str(why(text))
    assert why(text).whole


@pytest.mark.parametrize(
    "text",
    [b"ALTER ROLE a PASSWORD hunter2", b"ALTER ROLE a 'hunter2'", b"ALTER ROLE a $$hunter2"],
)
def test_what_may_be_a_secret_is_in_no_reason(text):
    assert str(why(text)) in ("syntax error", "unterminated dollar-quoted string")


def test_no_more_than_the_stack_can_take_is_parsed():
    padding = b"/*" + b" " * tree.MAX_BYTES + b"*/"
    error = why(b"DROP TABLE a " + padding)
    assert (str(error), error.whole) == ("it is longer than 16384 bytes", False)


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO a VALUES " + b",".join([b"(-1,-2, -3)"] * 1200),
        b"INSERT INTO a VALUES " + b",".join([b"('2026-11-22 10:00:00+01')"] * 550),
        b"SELECT '" + b"+- " * 5000 + b"'",
    ],
)
def test_numbers_and_strings_have_no_operators(text):
    assert len(parse(text)) == 1


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (resource.RLIM_INFINITY, 16384),
        (64 * 1024 * 1024, 16384),
        (8 * 1024 * 1024, 16384),
        (1024 * 1024, 2048),
        (0, 0),
    ],
)
def test_a_smaller_stack_takes_shorter_texts(monkeypatch, limit, expected):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (limit, limit))
    assert tree.longest() == expected


def test_depth_is_no_matter():
    text = b"SELECT " + b"1 + (" * 1000 + b"(SELECT a FROM deep)" + b")" * 1000
    todo, names = parse(text), []
    while todo:
        node = todo.pop()
        names.append(node.name)
        todo += [value for _, value in node.fields() if isinstance(value, Node)]
    assert names.count("A_Expr") == 1000
    assert "RangeVar" in names


def test_without_the_library_it_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    tree._library.cache_clear()
    monkeypatch.setattr(tree, "import_module", missing)
    with pytest.raises(PgwardError, match="postgast") as caught:
        tree._library()
    monkeypatch.undo()
    assert "pgward[edge]" in caught.value.hint


WORDS = """SELECT FROM WHERE INSERT INTO VALUES DELETE UPDATE SET WITH AS ( ) , ; * a b.c 'x' $1
$$ E'\\' -- /* */ U&"a" + - = :: [ ] CASE WHEN THEN END \\ é 😀 \ufeff"""
_WORDS = st.sampled_from([*WORDS.split(), "\n", "\0"])


@given(st.lists(_WORDS, max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_text_parses_or_is_refused(text):
    data = text.encode(errors="surrogatepass")
    for escapes in (False, True):
        try:
            todo = parse(data, backslashes_escape=escapes)
        except UnparsedError:
            continue
        while todo:
            todo += [value for _, value in todo.pop().fields() if isinstance(value, Node)]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    try:
        parse(data)
    except UnparsedError:
        return
