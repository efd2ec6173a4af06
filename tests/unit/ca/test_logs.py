import logging

import pytest

from pgward.ca import logs


@pytest.fixture(autouse=True)
def _restored():
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn.error")
    before = root.handlers, root.level, uvicorn.level
    yield
    root.handlers, level, uvicorn_level = before
    root.setLevel(level)
    uvicorn.setLevel(uvicorn_level)


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
