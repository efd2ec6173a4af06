from hypothesis import given
from hypothesis import strategies as st

from pgward.client.resource import diffs

A = {"kind": "Service", "metadata": {"name": "a", "version": 2}, "spec": {"mode": "tcp"}}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_what_the_authority_wrote_is_no_difference():
    later = A | {"metadata": {"name": "a", "version": 9, "updatedBy": "ann"}}
    assert diffs.lines(A, later) == []


def test_what_is_new_and_what_goes_are_diffs_from_and_to_nothing():
    new = diffs.lines(None, A)
    assert new[:2] == ["--- /dev/null", "+++ Service/a"]
    assert new[3:] == ["+kind: Service", "+metadata:", "+  name: a", "+spec:", "+  mode: tcp"]
    assert diffs.lines(A, None)[:2] == ["--- Service/a", "+++ /dev/null"]
    assert diffs.lines(None, None) == []


def test_lines_of_a_diff_have_their_colours():
    assert [diffs.colour(each) for each in ("+a", "-a", "@@", " a", "")] == [
        "green",
        "red",
        "cyan",
        None,
        None,
    ]


@given(VALUES, VALUES)
def test_another_order_of_fields_is_no_other_value(value, like):
    assert diffs.aligned(value, like) == value


@given(VALUES)
def test_the_same_fields_come_in_the_same_order(value):
    def turned(each):
        if isinstance(each, dict):
            return {key: turned(inner) for key, inner in reversed(each.items())}
        return [turned(inner) for inner in each] if isinstance(each, list) else each

    before, after = (
        {"kind": "X", "metadata": {"name": "n"}, "spec": v} for v in (turned(value), value)
    )
    assert diffs.lines(before, after) == []
