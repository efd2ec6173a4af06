import asyncio

import pytest

from pgward.core.errors import PgwardError, UnavailableError
from pgward.hba.server.ssh import shell as module
from pgward.hba.server.ssh.connection import Done
from pgward.hba.server.ssh.scripts import Command
from pgward.hba.server.ssh.shell import Held, Shell, _EndedError, _Talk

pytestmark = pytest.mark.integration

LIE = "printf '%s' "


@pytest.fixture
def connection(sshd):
    with sshd.connection() as made:
        yield made


@pytest.fixture
def shell(connection):
    return Shell(connection)


def test_one_shell_does_all_commands(shell) -> None:
    done = shell.run(Command("cat; echo bad >&2; exit 3", data=b"\0in"), 30)
    assert done == Done(3, b"\0in", "bad\n")
    first, second = (shell.run(Command("echo $PPID"), 30) for _ in range(2))
    assert first == second
    assert first.status == 0


def test_several_on_one_journey(shell) -> None:
    commands = [Command("echo a"), Command("exit 3"), Command("echo c")]
    assert shell.run_all(commands, 30) == [Done(0, b"a\n", ""), Done(3, b"", "")]
    assert [each.status for each in shell.run_all(commands, 30, stop=False)] == [0, 3, 0]
    assert shell.run(Command("echo d"), 30).stdout == b"d\n"


@pytest.mark.parametrize("size", [module._MOST_LINE, module._MOST_LINE + 1, 5_000_000])
def test_much_content(shell, size) -> None:
    commands = [Command("echo a"), Command("cat", data=b"\n" * size), Command("echo b")]
    assert [len(each.stdout) for each in shell.run_all(commands, 60)] == [2, size, 2]
    refused = shell.run_all([Command("exit 4", data=b"x" * size), Command("echo b")], 60)
    assert [each.status for each in refused] == [4]


def test_one_that_takes_too_long(shell) -> None:
    with pytest.raises(TimeoutError):
        shell.run(Command("sleep 60"), 0.2)
    assert shell.run(Command("echo next"), 30).stdout == b"next\n"


def test_a_command_that_is_held(shell) -> None:
    held = shell.hold(Command("echo held; exec cat"), 30)
    assert isinstance(held, Held)
    held.release()
    assert shell.hold(Command("echo no; exit 7"), 30) == Done(7, b"no\n", "")
    assert shell.hold(Command("exit 7"), 30) == Done(7, b"", "")


def test_a_connection_that_is_lost(shell, sshd) -> None:
    assert shell.run(Command("true"), 30) == Done(0, b"", "")
    assert sshd.cut() >= 1
    with pytest.raises(UnavailableError, match=r"SSH connection to .* (was lost|failed)"):
        shell.run(Command("true"), 30)


def test_a_shell_that_is_killed(shell) -> None:
    shell.run(Command("true"), 30)
    with pytest.raises(UnavailableError, match="or the shell there was killed"):
        shell.run(Command("kill -9 $$"), 30)
    assert shell.run(Command("echo next"), 30).stdout == b"next\n"


def test_what_a_profile_prints_is_no_answer(connection) -> None:
    printing = f"echo Welcome; echo Hello >&2; {Shell(connection)._start}"
    shell = Shell(connection)
    shell._start = printing
    assert shell.run(Command("echo a"), 30) == Done(0, b"a\n", "")
    held = shell.hold(Command("echo held; exec cat"), 30)
    assert isinstance(held, Held)
    held.release()


def test_an_account_without_a_shell(connection) -> None:
    shell = Shell(connection)
    shell._start = "echo This account is not available.; echo no >&2; exit 1"
    assert shell.run(Command("id"), 30) == Done(1, b"This account is not available.\n", "no\n")


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ("exec yes", "printed more than"),
        ("exec yes >&2", "printed more than"),
        ("read w r; echo $w; echo $w >&2; echo; echo $w x; echo; echo $w x >&2", "for a status"),
        ("read w r; echo $w; echo $w >&2; echo; echo $w", "was lost, or"),
    ],
)
def test_a_machine_that_lies(connection, monkeypatch, lie, said) -> None:
    monkeypatch.setattr(module, "_MOST_OUTPUT", 1_000_000)
    shell = Shell(connection)
    shell._start = f"{lie}; kill -9 $$"
    with pytest.raises(PgwardError, match=said):
        shell.run(Command("id"), 30)


def test_a_machine_that_never_answers(connection) -> None:
    shell = Shell(connection)
    shell._start = "exec sleep 60"
    with pytest.raises(TimeoutError):
        shell.run(Command("id"), 0.5)


class _Process:
    """One whose streams end one after the other."""

    exit_status = 1

    def __init__(self) -> None:
        self.stdout, self.stderr = asyncio.StreamReader(), asyncio.StreamReader()

    async def wait_closed(self) -> None:
        return


@pytest.mark.parametrize("last", ["stdout", "stderr"])
def test_whichever_stream_ends_first_both_are_told(last) -> None:
    async def work() -> tuple[int | None, bytes, bytes]:
        talk, process = _Talk(), _Process()
        talk._process = process
        streams = {"stdout": process.stdout, "stderr": process.stderr}
        later = streams.pop(last)
        for stream in streams.values():
            stream.feed_data(b"first\n")
            stream.feed_eof()
        with pytest.raises(_EndedError):
            await talk.answer("word")
        later.feed_data(b"later\n")
        later.feed_eof()
        return await talk.ended()

    said = [b"first\n", b"later\n"]
    assert asyncio.run(work()) == (1, *(said if last == "stderr" else reversed(said)))
