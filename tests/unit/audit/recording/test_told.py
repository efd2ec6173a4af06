import pytest

from pgward.audit.recording import told
from pgward.audit.recording.told import Head, Outcome, Said
from tests.fixtures.chunks import at, record


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "select 1"),
        ({"text": "select '", "text_bytes": 70_000}, "select '… (70000 bytes)"),
        ({"type": "FUNCTION_CALL", "function": 77}, "(function 77)"),
        ({"type": "COMMIT"}, "(commit)"),
    ],
)
def test_what_was_said(given, text):
    assert Said(record(1, **given)).text == text


def test_a_text_that_is_not_known():
    event = record(1)
    del event["text"]
    assert Said(event).text == "(unknown)"


def test_parameters_as_sql_writes_them():
    values = ["a'b", None, {"bytes": 9000, "sha256": "ff"}]
    assert (
        Said(record(1, parameters=values)).parameters == "$1 = 'a''b', $2 = NULL, $3 = (9000 bytes)"
    )
    assert Said(record(1)).parameters == ""


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ({"commands": ["INSERT 0 1", "COMMIT"]}, "ok", "INSERT 0 1, COMMIT"),
        ({"commands": []}, "ok", "ok"),
        ({"status": "skipped", "commands": []}, "skipped", "skipped"),
        ({"sqlstate": "42P01", "message": "none"}, "error", "ERROR 42P01: none"),
        ({"sqlstate": "42P01"}, "error", "ERROR 42P01: (withheld)"),
        ({"status": "denied", "rule": "r", "reason": "ask"}, "denied", "DENIED by r: ask"),
    ],
)
def test_how_it_ended(given, kind, text):
    found = Outcome(record(1, **given))
    assert (found.kind, found.text, found.took) == (kind, text, "0.2 ms")


def test_how_long_is_not_known():
    event = record(1)
    del event["duration_us"]
    assert Outcome(event).took == ""


def test_who_it_was():
    assert Head(record(1)).text == f"alice as app in shop, from 10.0.0.7, {at(1)}"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"type": "CANCEL", "reason": "somebody asked"}, "cancel: somebody asked"),
        ({"type": "CANCEL"}, "cancel"),
        ({"type": "NOTICE", "details": {"notice": "2 s left"}}, "notice: 2 s left"),
        ({"type": "GAP", "details": {"lines": 2}}, 'gap: {"lines": 2}'),
    ],
)
def test_what_is_no_statement(given, text):
    assert told.about(record(1, **given)).text == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"reason": "the client left"}, "the session ended: the client left"),
        ({"reason": told.CLOSED}, "the session ended"),
        ({"message": "57P01"}, "the session ended: 57P01"),
    ],
)
def test_an_end(given, text):
    assert told.end(record(1, **given)).text == text
