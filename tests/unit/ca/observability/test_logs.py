import json
import logging

import pytest

from pgward.ca import caller
from pgward.ca.caller import Asked
from pgward.ca.observability import logs


@pytest.fixture(autouse=True)
def _restored():
    names = ("", "uvicorn", "uvicorn.error", *logs._CHATTY)
    loggers = [logging.getLogger(name) for name in names]
    before, handlers = [each.level for each in loggers], loggers[0].handlers
    yield
    loggers[0].handlers = handlers
    for each, level in zip(loggers, before, strict=True):
        each.setLevel(level)


def test_a_warning_is_one_safe_line(capsys):
    logs.to_terminal()
    logging.getLogger("x").warning("from %s", "\x1b[31m a stranger")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("Z warning from \\x1b[31m a stranger\n")


def test_what_is_of_no_interest_is_left_out(capsys):
    logs.to_terminal()
    logging.getLogger("x").info("hello")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    assert capsys.readouterr().err == ""


def test_an_unexpected_error_has_its_traceback(capsys):
    logs.to_terminal()
    try:
        int("bug")
    except ValueError:
        logging.getLogger("x").exception("it broke")
    err = capsys.readouterr().err
    assert "error it broke\nTraceback" in err
    assert "ValueError: invalid literal" in err


def objects(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_is_one_object_a_line_with_the_requests_ids(capsys):
    logs.to_terminal("json")
    reset = caller.asked.set(Asked("abc", "def"))
    logging.getLogger("x").info("from %s", "\x1b[31m\na stranger\u202e")
    caller.asked.reset(reset)
    (told,) = objects(capsys)
    assert told.pop("time").endswith("+00:00")
    assert told == {
        "level": "info",
        "logger": "x",
        "event": "log",
        "request_id": "abc",
        "trace_id": "def",
        "message": "from \x1b[31m\na stranger\u202e",
    }


def test_a_record_may_bring_its_own_fields(capsys):
    logs.to_terminal("json")
    fields = {"method": "GET", "status": 200}
    logging.getLogger("x").info("GET", extra={"event": "request", "fields": fields})
    (told,) = objects(capsys)
    assert {name: told[name] for name in ("event", "method", "status")} == {
        "event": "request",
        **fields,
    }
    assert "message" not in told


def test_json_has_the_traceback_of_an_unexpected_error(capsys):
    logs.to_terminal("json")
    try:
        int("bug")
    except ValueError:
        logging.getLogger("x").exception("it broke")
    (told,) = objects(capsys)
    assert told["message"] == "it broke"
    assert told["error"].startswith("Traceback")


def test_the_level_can_be_chosen_and_libraries_stay_quiet(capsys):
    logs.to_terminal("json", "debug")
    logging.getLogger("x").debug("hello")
    logging.getLogger("httpx2").info("GET https://ca.example.com/?token=secret")
    logging.getLogger("uvicorn.error").info("started")
    assert [told["message"] for told in objects(capsys)] == ["hello"]
    logs.to_terminal("json", "error")
    logging.getLogger("x").warning("hello")
    assert objects(capsys) == []
