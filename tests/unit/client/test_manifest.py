import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.client import manifest
from pgward.client.manifest import ManifestError, decode, join, read_path, read_text
from pgward.core.errors import InvalidInputError, PgwardError

GOOD = """\
# a comment
kind: Service
metadata:
  name: orders
spec:
  upstream: {host: db1, port: 5432}
  edges:
    - e1
    - e2
---
---
kind: Service
metadata: {name: stock}
"""


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ManifestError) as caught:
        read_text(text, "f.yaml")
    return caught.value.problems


def test_documents_come_with_their_lines():
    orders, stock = read_text(GOOD, "f.yaml")
    assert (orders.kind, orders.name, orders.line) == ("Service", "orders", 2)
    assert orders.value["spec"] == {
        "upstream": {"host": "db1", "port": 5432},
        "edges": ["e1", "e2"],
    }
    assert (stock.name, stock.line) == ("stock", 12)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("spec.upstream.port", "f.yaml:6: spec.upstream.port"),
        ("spec.edges[1]", "f.yaml:9: spec.edges[1]"),
        ("spec.edges[7]", "f.yaml:7: spec.edges[7]"),
        ("spec.edges[1].x", "f.yaml:9: spec.edges[1].x"),
        ("spec.upstream.hots", "f.yaml:6: spec.upstream.hots"),
        ("spec.limits.maxConnections", "f.yaml:5: spec.limits.maxConnections"),
        ("other", "f.yaml:2: other"),
        ("", "f.yaml:2"),
    ],
)
def test_a_path_leads_to_its_line_or_the_nearest(path, where):
    assert read_text(GOOD, "f.yaml")[0].where(path) == where


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("0755", 755),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        ("2026-01-01", "2026-01-01"),
        ("-5", -5),
        ("1.5", 1.5),
        (".5e3", 500.0),
        ("0x1f", "0x1f"),
        ("~", None),
        ("", None),
        ("'5432'", "5432"),
        ("!!str 5432", "5432"),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    (found,) = read_text(f"kind: K\nmetadata: {{name: n}}\nx: {text}\n", "f")
    assert found.value["x"] == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: K\nkind: K\n", "f.yaml:2: kind: is here twice, first on line 1"),
        ("kind: K\nmetadata:\n  name: a\n  name: b\n", "f.yaml:4: metadata.name: is here twice"),
        ("- kind: K\n", "f.yaml:1: a resource is a mapping with kind, metadata and spec"),
        ("just text\n", "f.yaml:1: a resource is a mapping"),
        ("\nmetadata: {name: a}\n", "f.yaml:2: kind: is missing"),
        ("kind:\nmetadata: {name: a}\n", "f.yaml:1: kind: must be a text"),
        ("kind: K\nmetadata: [a]\n", "f.yaml:2: metadata.name: is missing"),
        ("kind: K\nmetadata:\n  name: 7\n", "f.yaml:3: metadata.name: must be a text"),
        ("kind: K\nmetadata:\n  name: !x a\n", "f.yaml:3: metadata.name: the tag '!x'"),
        ("kind: K\nx: !!python/object:os.system {}\n", "f.yaml:2: x: the tag"),
        ("kind: K\nx: !!binary aGk=\n", "f.yaml:2: x: the tag"),
        ("kind: K\nx: !!int many\n", "f.yaml:2: x: 'many' is not of type int"),
        ("kind: K\n1: x\n", "f.yaml:2: a field's name must be a text"),
        ("kind: K\n[a]: x\n", "f.yaml:2: a field's name must be a text"),
        ("a: &a {k: v}\nb:\n  <<: *a\n", "f.yaml:3: b: merge keys (<<) are not supported"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_field(text, expected):
    (problem,) = problems(text)
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("kind: K\n  metadata: x\n", 2),
        ("kind: [a\n", 2),
        ("kind: 'a\n", 2),
        ("kind: K\n\tx: 1\n", 2),
        ("kind: *nowhere\n", 1),
        ("kind: \x01\n", None),
    ],
)
def test_what_is_no_yaml_is_named_by_its_line(text, line):
    with pytest.raises(InvalidInputError) as caught:
        read_text(text, "f.yaml")
    where = "f.yaml" if line is None else f"f.yaml:{line}"
    assert caught.value.where == where


def test_the_same_resource_twice():
    (problem,) = problems("kind: K\nmetadata: {name: a}\n---\nkind: k\nmetadata: {name: a}\n")
    assert problem == "f.yaml:5: metadata.name: 'a' is in f.yaml:1 already"


def test_anchors_work():
    (found,) = read_text("kind: K\nmetadata: {name: n}\na: &x [1, 2]\nb: *x\n", "f")
    assert found.value["b"] == [1, 2]


def test_a_bomb_of_anchors_is_refused():
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert "too large" in problems("\n".join(lines))[0]


def test_an_anchor_in_itself_is_refused():
    assert "nested too deeply" in problems("kind: K\na: &a [*a]\n")[0]


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 5000, "- " * 5000])
def test_deep_nesting_is_refused(text):
    with pytest.raises(InvalidInputError):
        read_text(text, "f.yaml")


def test_too_much_is_refused():
    with pytest.raises(InvalidInputError, match="longer than 1048576 bytes"):
        decode(b"#" * (manifest.MAX_BYTES + 1), "f.yaml")


def test_text_must_be_utf_8():
    with pytest.raises(InvalidInputError, match=r"f.yaml:2: not UTF-8 text"):
        decode(b"kind: K\nx: \xff\n", "f.yaml")
    assert decode("\ufeffkind".encode(), "f") == "kind"


def test_an_empty_file_is_an_error():
    with pytest.raises(InvalidInputError, match=r"f.yaml: there is no resource in it"):
        read_text("# nothing\n---\n", "f.yaml")


def test_a_directory_is_all_of_its_files(tmp_path):
    (tmp_path / "b.yaml").write_text("kind: K\nmetadata: {name: b}\n")
    (tmp_path / "a.json").write_text(json.dumps({"kind": "K", "metadata": {"name": "a"}}))
    (tmp_path / "c.txt").write_text("not read")
    assert [each.name for each in read_path(tmp_path)] == ["a", "b"]


def test_a_directory_without_files_is_an_error(tmp_path):
    with pytest.raises(InvalidInputError, match="no file in it ends in"):
        read_path(tmp_path)


def test_a_file_that_is_not_there():
    with pytest.raises(PgwardError, match="cannot read /no/such: no such file"):
        read_path(manifest.Path("/no/such"))


def test_errors_of_several_files_come_together():
    with pytest.raises(ManifestError) as caught:
        join([[], InvalidInputError("one", where="a"), InvalidInputError("two", where="b")])
    assert caught.value.problems == ("a: one", "b: two")


@given(st.text(st.sampled_from("ab:{}[]-&*!|>'\"#%@, \n\t~<\\?0")))
def test_no_text_breaks_the_reader(text):
    try:
        read_text(text, "f")
    except InvalidInputError:
        return


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec="ascii", min_codepoint=32)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON)
def test_json_is_read_as_json(value):
    whole = {"kind": "K", "metadata": {"name": "n"}, "spec": value}
    (found,) = read_text(json.dumps(whole), "f")
    assert found.value == whole
