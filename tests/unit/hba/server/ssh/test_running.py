import pytest

from pgward.core.errors import ConflictError, UnavailableError
from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.connection import Done
from pgward.hba.server.ssh.running import Change, Runner, check_fence
from pgward.hba.server.ssh.scripts import Command
from tests.fixtures.here_shell import HereShell

OK = Done(0, b"", "")


def change(name: str, seen: list[str]) -> Change:
    return Change(Command(name), lambda done: seen.append(f"{name} {done.status}"))


def test_changes_are_gathered_until_a_question() -> None:
    shell, seen = HereShell(*[OK] * 4), []
    runner = Runner(shell)
    with runner.together():
        for name in "ab":
            runner.change(change(name, seen))
        assert (seen, shell.journeys) == ([], 0)
        runner.ask("c")
        assert seen == ["a 0", "b 0"]
        runner.change(change("d", seen))
    assert [each.script for each in shell.lines] == ["a", "b", "c", "d"]
    assert (seen, shell.journeys) == (["a 0", "b 0", "d 0"], 3)


def test_what_is_gathered_is_left_when_something_else_fails() -> None:
    shell = HereShell()
    runner = Runner(shell)
    with pytest.raises(KeyError), runner.together():  # noqa: PT012 - all of it
        runner.change(change("a", []))
        raise KeyError
    assert shell.lines == []
    assert runner.ask("true") == OK


def test_a_question_is_asked_once_until_something_changes() -> None:
    shell = HereShell(*[OK] * 9)
    runner = Runner(shell)
    with runner.looking([Command("a"), Command("b")]):
        assert shell.journeys == 1
        assert runner.ask_all([Command("a"), Command("c")]) == [OK, OK]
        runner.ask("c")
        assert shell.journeys == 2
        runner.change(change("d", []))
        runner.ask("a")
    runner.ask("a")
    assert shell.journeys == 5


def test_changes_carry_the_word_of_the_session() -> None:
    shell = HereShell(*[OK] * 3)
    runner = Runner(shell)
    with runner.session("/s", "word"):
        runner.change(change("a", []))
        runner.ask("b")
    runner.change(change("c", []))
    assert [each.fence for each in shell.lines] == [("/s", "word"), None, None]


class Failing(HereShell):
    """One that is not heard of once."""

    def run_all(self, commands, timeout, *, stop=True):
        if commands[0].script == "lost":
            raise TimeoutError
        return super().run_all(commands, timeout, stop=stop)


def test_what_we_no_longer_hear_of_must_have_ended_before_more_is_changed(tmp_path) -> None:
    session = tmp_path / "session"
    session.write_text("first")
    shell, seen = Failing(), []
    runner = Runner(shell)
    with runner.session(str(session), "first"):
        with pytest.raises(UnavailableError, match="did not answer in time"):
            runner.change(change("lost", seen))
        runner.change(change("true", seen))
    assert session.read_text() not in {"first", ""}
    assert [each.fence for each in shell.lines] == [None, (str(session), session.read_text())]
    assert seen == ["true 0"]


def test_another_run_may_have_begun_meanwhile(tmp_path) -> None:
    session = tmp_path / "session"
    session.write_text("first")
    runner = Runner(Failing())
    with runner.session(str(session), "first"):
        with pytest.raises(UnavailableError):
            runner.change(change("lost", []))
        session.write_text("another's")
        with pytest.raises(ConflictError, match="another run of pgward works"):
            runner.change(change("true", []))
    assert session.read_text() == "another's"


def test_the_fence() -> None:
    check_fence(OK, "/f")
    with pytest.raises(ConflictError, match="/f was left as it was"):
        check_fence(Done(scripts.FENCED, b"", ""), "/f")
