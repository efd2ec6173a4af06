"""The preface, as lines in and decisions out."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.tunnel import preface
from pgward.tunnel.preface import (
    CONTROL_SIZE,
    EXPLANATIONS,
    MARKER_SIZE,
    MAX_LINE,
    Controls,
    PrefaceError,
    Reason,
    RefusedError,
)

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
fields = st.dictionaries(
    st.sampled_from(["service", "marker", "reason", "message", "hint", "other"]), junk
)


@given(st.text(min_size=1, max_size=300))
def test_a_request_is_read_as_it_was_written(service):
    assert preface.read_request(preface.request(service)) == (service, True)


def test_a_request_on_the_wire():
    assert preface.request("orders") == b'{"service":"orders","why":true}\n'


def test_a_request_of_an_older_tunnel():
    assert preface.read_request(b'{"service":"orders"}\n') == ("orders", False)


def test_an_opened_link():
    controls = Controls(bytes(range(MARKER_SIZE)))
    line = preface.accept(controls)
    assert line == b'{"marker":"' + bytes(range(MARKER_SIZE)).hex().encode() + b'"}\n'
    assert preface.read_answer(line) == controls


@pytest.mark.parametrize("reason", list(Reason))
def test_a_refusal_arrives_with_its_reason_message_and_hint(reason):
    with pytest.raises(RefusedError) as caught:
        preface.read_answer(preface.refuse(RefusedError(reason)))
    assert caught.value.reason is reason
    assert (caught.value.message, caught.value.hint) == EXPLANATIONS[reason]
    assert caught.value.exit_code == 3


def test_a_refusal_in_words_of_its_own():
    with pytest.raises(RefusedError) as caught:
        preface.read_answer(preface.refuse(RefusedError(Reason.LIMIT, "full", hint="wait")))
    assert (caught.value.reason, caught.value.message, caught.value.hint) == (
        Reason.LIMIT,
        "full",
        "wait",
    )


def test_a_refusal_moves_no_cursor():
    said = RefusedError(Reason.LIMIT, "one\n\x1b[2Jtwo", hint="three\rfour")
    heard = preface.read_refusal(preface.refuse(said))
    assert (heard.message, heard.hint) == ("one  [2Jtwo", "three four")


@pytest.mark.parametrize("number", [0, 200, -1, 10**30])
def test_a_reason_of_a_newer_edge(number):
    line = json.dumps({"reason": number, "message": "no", "hint": "h"}).encode() + b"\n"
    with pytest.raises(RefusedError, match="no") as caught:
        preface.read_answer(line)
    assert caught.value.reason is Reason.UNKNOWN


def test_every_reason_is_explained_and_fits_a_byte():
    assert set(EXPLANATIONS) == set(Reason)
    assert all(0 <= reason <= 255 for reason in Reason)
    assert all(message == message.rstrip(".") for message, _ in EXPLANATIONS.values())


@given(st.binary(max_size=200) | fields.map(lambda f: json.dumps(f).encode() + b"\n"))
def test_any_line_is_read_or_refused_by_one_error(line):
    for parse in (preface.read_request, preface.read_answer, preface.read_refusal):
        with contextlib.suppress(PrefaceError, RefusedError):
            parse(line)


@given(st.binary(max_size=60))
def test_any_line_of_braces_is_read_or_refused(middle):
    test_any_line_is_read_or_refused_by_one_error.hypothesis.inner_test(b"{" + middle + b"}\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "not one short line"),
        (b'{"service":"a"}', "not one short line"),
        (b'{"service":"' + b"a" * MAX_LINE + b'"}\n', "not one short line"),
        (b"[" * (MAX_LINE - 1) + b"\n", "not JSON"),
        (b"\xff\xfe\n", "not JSON"),
        (b'["service"]\n', "not a JSON object"),
        (b"{}\n", "named no service"),
        (b'{"service":""}\n', "named no service"),
        (b'{"service":["a"]}\n', "named no service"),
    ],
)
def test_a_request_that_is_none(line, message):
    with pytest.raises(PrefaceError, match=message):
        preface.read_request(line)


@pytest.mark.parametrize(
    "marker",
    ['""', "null", "7", '"' + "a" * 63 + '"', '"' + "g" * 64 + '"', '"' + " " * 64 + '"',
     '"' + "A" * 64 + '"', '"' + "\u0660" * 64 + '"'],
)  # fmt: skip
def test_a_marker_is_exactly_its_hexadecimal_digits(marker):
    """Blanks that bytes.fromhex skips would make every record of that size a control."""
    with pytest.raises(PrefaceError, match="marker"):
        preface.read_answer(b'{"marker":%s}\n' % marker.encode())


@pytest.mark.parametrize(
    "refusal",
    [{"reason": "1", "message": "m", "hint": "h"}, {"reason": 1}, {"reason": 1, "message": 2}],
)
def test_a_malformed_refusal(refusal):
    with pytest.raises(PrefaceError, match="malformed"):
        preface.read_answer(json.dumps(refusal).encode() + b"\n")


# --- controls -----------------------------------------------------------------------------


def test_controls_are_fresh_and_of_one_size():
    one, other = Controls.new(), Controls.new()
    assert one != other
    assert len(one.marker) == MARKER_SIZE
    assert len(one.end) == len(one.cut(Reason.DENIED)) == CONTROL_SIZE


@pytest.mark.parametrize("reason", list(Reason))
def test_a_cut_is_read_by_its_own_link_only(reason):
    one, other = Controls.new(), Controls.new()
    assert one.reason(one.cut(reason)) is reason
    assert other.reason(one.cut(reason)) is None


@given(st.binary(max_size=CONTROL_SIZE + 2))
def test_other_records_are_no_cut(record):
    controls = Controls(bytes(MARKER_SIZE))
    if not (len(record) == CONTROL_SIZE and record.startswith(bytes(MARKER_SIZE) + b"C")):
        assert controls.reason(record) is None


def test_an_end_is_no_cut():
    controls = Controls.new()
    assert controls.reason(controls.end) is None
    assert controls.reason(controls.cut(Reason.LIMIT) + b"\0") is None


# --- cuts in words -----------------------------------------------------------------------


SHUT = RefusedError(Reason.DENIED, "this service asks why you connect", hint="say so")


def test_a_tunnel_that_knows_of_it_is_told_why():
    controls = Controls.new(tells_why=True)
    control, line = controls.cut_by(SHUT)
    assert len(control) == CONTROL_SIZE
    assert controls.is_why(control)
    assert controls.reason(control) is None
    heard = preface.read_refusal(line)
    assert (heard.reason, heard.message, heard.hint) == (SHUT.reason, SHUT.message, SHUT.hint)


@pytest.mark.parametrize(
    ("tells_why", "refusal"),
    [
        (False, SHUT),
        (True, RefusedError(Reason.DENIED)),  # which it knows by its number
        (True, RefusedError(Reason.DENIED, "x" * MAX_LINE)),
    ],
)
def test_a_number_is_enough(tells_why, refusal):
    controls = Controls.new(tells_why=tells_why)
    (record,) = controls.cut_by(refusal)
    assert controls.reason(record) is Reason.DENIED
    assert not controls.is_why(record)


def test_another_links_why_is_data():
    control, _ = Controls.new(tells_why=True).cut_by(SHUT)
    assert not Controls.new().is_why(control)


def test_a_line_that_says_nothing():
    with pytest.raises(PrefaceError, match="does not say why"):
        preface.read_refusal(b'{"marker":"00"}\n')
