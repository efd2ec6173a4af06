import re

from tests.fixtures.step_ups import CODE


def test_a_code_from_stdin(logged_in, asking_ca):
    result = logged_in("step-up", "orders", "--code-stdin", stdin="123 456\n")
    assert result.exit_code == 0
    assert re.fullmatch(
        r"orders is open to you until [0-9TZ:-]+ \(in 1[45] minutes( \d+ seconds?)?\)\n",
        result.stderr,
    )
    assert "POST /v1/me/step-up/continue" in asking_ca.calls


def test_a_wrong_code(logged_in, asking_ca):
    result = logged_in("step-up", "orders", "--code-stdin", stdin="1\n")
    assert (result.exit_code, result.stderr) == (3, "pgward: wrong code\n")
    assert asking_ca.calls[-1] == "POST /v1/me/step-up/continue"


def test_without_a_terminal(logged_in, asking_ca):
    result = logged_in("step-up", "orders")
    assert result.exit_code == 2
    assert "there is no terminal to ask on" in result.stderr
    assert asking_ca.calls == ["POST /v1/me/step-up"]


def test_without_a_login(pgward):
    assert pgward("step-up", "orders", "--code-stdin", stdin=CODE).exit_code == 4
