import fcntl
import shutil
import subprocess

import pytest

from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.scripts import Command

ALL = {
    name: value
    for name, value in vars(scripts).items()
    if name.isupper() and isinstance(value, str) and name != "PATH"
}


def loop(*lines: bytes, before: str = "") -> "subprocess.CompletedProcess[bytes]":
    line = before + scripts.start()
    return subprocess.run(
        ["sh", "-c", line], input=b"".join(lines), capture_output=True, check=False
    )


def answers(*commands: Command, after: bool = False) -> list[tuple[int, bytes]]:
    """Return statuses and outputs of commands that are given in a row."""
    lines = [each.line(f"w{n}", after=after and n > 0) for n, each in enumerate(commands)]
    rest = loop(*lines).stdout
    found = []
    for number in range(len(commands)):
        begin, _, rest = rest.partition(f"w{number}\n".encode())
        assert begin == b""
        out, _, rest = rest.partition(f"\nw{number} ".encode())
        status, _, rest = rest.partition(b"\n")
        found.append((int(status), out))
    assert rest == b""
    return found


@pytest.mark.parametrize("name", ALL)
def test_each_is_one_line_of_shell(name) -> None:
    assert "\n" not in ALL[name]
    assert "!" not in ALL[name]  # csh would read it, even in quotes
    done = subprocess.run(["sh", "-n"], input=ALL[name].encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


WORDS = [
    "",
    " a  b ",
    "it's",
    "\\'",
    "\\\\",
    "$(id)",
    "`id`",
    "-rf",
    "ü",
    'a"b',
    "a\n'\n",
    "\udcff",
    "!!",
]


@pytest.mark.parametrize("text", [*WORDS, *"*?~#&;|<>\n\r\t"])
def test_arguments_are_only_arguments(text) -> None:
    found = answers(Command('printf "%s" "$1"', (text,)), Command('printf "%s" "$#"', (text, "x")))
    assert found == [(0, text.encode(errors="surrogateescape")), (0, b"2")]


def test_what_no_command_can_name() -> None:
    with pytest.raises(ValueError, match="null byte"):
        Command("true", ("a\0b",)).line("w")


@pytest.mark.parametrize("data", [b"", b"\0\xff\n", b"x" * 100_000])
def test_content_is_only_content(data) -> None:
    # The second is not hurt by what the first does not read.
    assert answers(Command("true", data=data), Command("cat", data=data)) == [(0, b""), (0, data)]


def test_a_line_that_broke_off_does_nothing(tmp_path) -> None:
    line = Command('touch -- "$1"', (f"{tmp_path}/f",)).line("w")
    for cut in (len(line) - 1, len(line) // 2, 3):
        assert loop(line[:cut]).stdout == b""
    assert list(tmp_path.iterdir()) == []


def test_after_one_that_fails_none_is_done() -> None:
    commands = [Command("exit 3"), Command("echo b"), Command("echo c")]
    assert answers(*commands, after=True) == [(3, b"")] * 3
    assert answers(*commands) == [(3, b""), (0, b"b\n"), (0, b"c\n")]


def test_the_rest_of_the_input_is_content() -> None:
    done = loop(Command("cat").line("w", open_input=True), b"\0any\nthing")
    assert done.stdout == b"w\n\0any\nthing\nw 0\n"


@pytest.mark.parametrize("shell", ["sh", "bash", "fish", "csh", "tcsh", "zsh"])
def test_any_login_shell_starts_it(shell, tmp_path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    line = Command('printf "%s" "$1"', ("it's\\",)).line("w")
    environment = {"HOME": str(tmp_path), "PATH": scripts.PATH}
    done = subprocess.run(
        [program, "-c", scripts.start()],
        input=line,
        capture_output=True,
        env=environment,
        check=False,
    )
    assert done.stdout == b"w\nit's\\\nw 0\n"


def test_the_account_is_changed_first() -> None:
    line = scripts.start(["sudo", "-n", "-u", "postgres", "--"])
    assert line.startswith("sudo -n -u postgres -- env -i PATH=")


def test_no_environment_comes_along(monkeypatch) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert answers(Command('printf "%s" "$PGHOST$LC_ALL"')) == [(0, b"C")]


def test_a_session_that_has_ended_changes_nothing(tmp_path) -> None:
    session = tmp_path / "session"
    session.write_text("mine")
    command = Command('echo "$1"', ("done",), fence=(str(session), "mine"))
    assert answers(command) == [(0, b"done\n")]
    session.write_text("another's")
    assert answers(command) == [(scripts.FENCED, b"")]


def test_a_session_is_renewed_when_its_last_command_has_ended(tmp_path) -> None:
    session = tmp_path / "session"
    session.write_text("mine")
    renew = Command(scripts.RENEW, (str(session), "mine", "next", "0.05"))
    with session.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert answers(renew) == [(1, b"")]
    assert answers(renew, renew) == [(0, b""), (scripts.FENCED, b"")]
    assert session.read_text() == "next"


def test_content_that_broke_off_replaces_nothing(tmp_path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    command = Command(scripts.REPLACE, (str(path), "", "600", "100", "ab12"))
    done = loop(command.line("w", open_input=True), b"only the beginn")
    assert (done.stdout, done.stderr) == (b"w\n\nw 1\n", b"w\nits content broke off\n\nw 1\n")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("f", b"old")]


def test_the_lock_is_held_while_input_is_open(tmp_path) -> None:
    lock, session = tmp_path / "lock", tmp_path / "session"
    command = Command(scripts.LOCK, (str(lock), "0.01", str(session), "word", "a run"))
    line = command.line("w", open_input=True)
    with subprocess.Popen(
        ["sh", "-c", scripts.start()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as held:
        held.stdin.write(line)
        held.stdin.flush()
        assert [held.stdout.readline(), held.stdout.readline()] == [b"w\n", b"held\n"]
        assert (session.read_text(), lock.read_text()) == ("word", "a run\n")
        assert loop(line).stdout == f"w\na run\n\nw {scripts.BUSY}\n".encode()
    assert loop(line).stdout == b"w\nheld\n\nw 0\n"
