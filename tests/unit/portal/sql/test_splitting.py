import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.portal.sql.splitting import split


def texts(text: str) -> list[str]:
    return [each.text for each in split(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" ;; -- nothing\n/* at ; all */", []),
        ("select 1", ["select 1"]),
        ("select 1;", ["select 1"]),
        (
            "select ';', \";\" ; select $$;$$, $a$;$a$",
            ["select ';', \";\"", "select $$;$$, $a$;$a$"],
        ),
        ("select 1 -- ;\n + 1; /* ; */ select 2", ["select 1 -- ;\n + 1", "select 2"]),
        (
            "create rule r as on insert to t do (a; b); x",
            ["create rule r as on insert to t do (a; b)", "x"],
        ),
        ("begin; select 1; end; x", ["begin", "select 1", "end", "x"]),
        (
            "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; x",
            [
                "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END",
                "x",
            ],
        ),
        (
            "create or replace procedure p() begin atomic a; b; end; x",
            ["create or replace procedure p() begin atomic a; b; end", "x"],
        ),
        ("select (1; 2", ["select (1; 2"]),
    ],
)
def test_statements_end_where_psql_ends_them(text, found):
    assert texts(text) == found


def test_each_says_where_it_begins():
    text = "  select 'äöü€😀';\n\n sélect 2 ; x"
    assert [text[each.at :].startswith(each.text) for each in split(text)] == [True] * 3


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_whatever_is_written(text):
    for each in split(text):
        assert text[each.at : each.at + len(each.text)] == each.text


@given(st.lists(st.sampled_from(["select 1", "';'", "$$;$$", "(;)", '";"', "f()"]), max_size=9))
def test_statements_joined_are_found_again(pieces):
    assert texts(";\n".join(pieces)) == pieces
