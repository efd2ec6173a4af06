import io
import json
from datetime import UTC, datetime

import pytest
import yaml

from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system import terminal


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminals(monkeypatch: pytest.MonkeyPatch) -> tuple[Tty, Tty]:
    """Make stdout and stderr terminals, 60 columns wide (pytest swaps them after fixtures)."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    out, err = Tty(), Tty()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    return out, err


ROWS = [
    {"name": "orders", "edges": ["e1", "e2"], "blocked": False, "secret_field": 1},
    {"name": "x" * 100, "edges": [], "blocked": True, "secret_field": 2},
]


def test_data_goes_to_stdout_and_talk_to_stderr(capsys):
    terminal.echo("data")
    terminal.note("talk")
    assert capsys.readouterr() == ("data\n", "talk\n")


def test_an_error_has_its_hint(capsys):
    terminal.error(PgwardError("first\nsecond", hint="do this"))
    assert capsys.readouterr().err == "pgward: first\n  second\nhint: do this\n"


def test_colour_only_on_a_terminal_and_never_with_no_color(monkeypatch):
    _, err = terminals(monkeypatch)
    terminal.error(PgwardError("x"))
    assert "\x1b[" in err.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    err.truncate(0)
    err.seek(0)
    terminal.error(PgwardError("x"))
    assert err.getvalue() == "pgward: x\n"


def test_a_tables_titles_are_plain_with_no_color(monkeypatch):
    out, _ = terminals(monkeypatch)
    terminal.table(ROWS[:1], {"name": "NAME"})
    assert "\x1b[1m" in out.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    out.truncate(0)
    out.seek(0)
    terminal.table(ROWS[:1], {"name": "NAME"})
    assert "\x1b" not in out.getvalue()


def test_a_piped_table_is_not_cut(capsys):
    terminal.table(ROWS, {"name": "NAME", "edges": "EDGES", "blocked": "BLOCKED"})
    assert capsys.readouterr().out.splitlines() == [
        "NAME".ljust(100) + "  EDGES   BLOCKED",
        "orders".ljust(100) + "  e1, e2  no",
        "x" * 100 + "  -       yes",
    ]


def test_a_table_on_a_terminal_folds_and_reads_no_markup(monkeypatch):
    out, _ = terminals(monkeypatch)
    terminal.table([{"name": "[red]evil[/red]" + "y" * 80}], ["name"])
    assert "[red]evil[/red]" in out.getvalue()
    assert out.getvalue().count("y") == 80


def test_an_id_is_never_folded(monkeypatch):
    out, _ = terminals(monkeypatch)
    long, session = "word " * 20, "fb2aab04c127e123-1"
    terminal.table([{"a": long, "b": long, "id": session}], {"a": "A", "b": "B", "id": "ID"})
    assert session in out.getvalue()


def test_an_empty_table_says_so_beside_the_data(capsys):
    terminal.table([], ["name"], empty="no services")
    assert capsys.readouterr() == ("", "no services\n")


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_structured_output_has_every_field(capsys, output, read):
    terminal.table(ROWS, ["name"], output)
    assert read(capsys.readouterr().out) == ROWS


def test_a_record_is_one_field_a_line(capsys):
    value = {"user": "alice", "groups": ["a", "b"], "until": datetime(2026, 1, 2, tzinfo=UTC)}
    terminal.record(value, {"user": "user", "groups": "groups", "until": "until", "none": "else"})
    assert capsys.readouterr().out.splitlines() == [
        "user    alice",
        "groups  a, b",
        "until   2026-01-02T00:00:00Z",
        "else    -",
    ]


def test_a_password_is_not_asked_for_without_a_terminal():
    with pytest.raises(InvalidInputError) as caught:
        terminal.ask_password("Password")
    assert "--password-stdin" in str(caught.value.hint)


def test_a_question_without_a_terminal_is_answered_no():
    assert terminal.confirm("sure?") is False


def test_a_password_is_asked_for_on_stderr(monkeypatch):
    out, _ = terminals(monkeypatch)
    monkeypatch.setattr("sys.stdin", Tty())
    monkeypatch.setattr(terminal.click.termui, "hidden_prompt_func", lambda _: "geheim")
    assert terminal.ask_password("Password", confirm=True) == "geheim"
    assert out.getvalue() == ""


def test_stdin_gives_its_first_line(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("pass word \r\nmore"))
    assert terminal.read_stdin_line() == "pass word "


def test_an_empty_stdin_is_refused(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(InvalidInputError, match="stdin has no first line"):
        terminal.read_stdin_line()


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_line_of_stdin_that_is_not_utf_8_is_refused(monkeypatch, errors):
    stream = io.TextIOWrapper(io.BytesIO(b"pass\xdcword\n"), encoding="utf-8", errors=errors)
    monkeypatch.setattr("sys.stdin", stream)
    with pytest.raises(InvalidInputError, match="the first line of stdin is not UTF-8"):
        terminal.read_stdin_line()


def test_a_line_of_stdin_without_end_is_cut(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("x" * 100_000))
    assert terminal.read_stdin_line() == "x" * 65_536


def test_documents_are_yaml_documents(capsys):
    terminal.documents([{"a": 1}, {"b": datetime(2026, 1, 2, tzinfo=UTC)}])
    assert capsys.readouterr().out == "a: 1\n---\nb: '2026-01-02T00:00:00Z'\n"
