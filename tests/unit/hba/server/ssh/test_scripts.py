import subprocess

import pytest

from pgward.hba.server.ssh import scripts

ALL = {
    name: value
    for name, value in vars(scripts).items()
    if name.isupper() and isinstance(value, str) and name != "PATH"
}


def shell(line: str, data: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["sh", "-c", line], input=data, capture_output=True, check=False)


@pytest.mark.parametrize("name", ALL)
def test_each_is_one_line_of_shell(name) -> None:
    assert "\n" not in ALL[name]
    assert "!" not in ALL[name]  # csh would read it, even in quotes
    done = subprocess.run(["sh", "-n"], input=ALL[name].encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("text", ["a b", "it's", "$(id)", "`id`", "a;id", "*", "-rf", "ü", 'a"b'])
def test_arguments_are_only_arguments(text) -> None:
    line = scripts.command('printf "%s" "$1"', [text])
    assert shell(line).stdout.decode() == text


def test_the_account_is_changed_first() -> None:
    line = scripts.command("id", [], prefix=["sudo", "-n", "-u", "postgres", "--"])
    assert line.startswith("sudo -n -u postgres -- env -i PATH=")


def test_no_environment_comes_along(monkeypatch) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert shell(scripts.command('printf "%s" "$PGHOST$LC_ALL"', [])).stdout == b"C"


def test_a_session_that_has_ended_changes_nothing(tmp_path) -> None:
    session = tmp_path / "session"
    session.write_text("mine")
    line = scripts.command('echo "$1"', ["done"], fence=(str(session), "mine"))
    assert shell(line).stdout == b"done\n"
    session.write_text("another's")
    ended = shell(line)
    assert (ended.returncode, ended.stdout) == (scripts.FENCED, b"")


def test_content_that_broke_off_replaces_nothing(tmp_path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    line = scripts.command(scripts.REPLACE, [str(path), "", "600", "100", "ab12"])
    done = shell(line, b"only the beginn")
    assert (done.returncode, done.stderr) == (1, b"its content broke off\n")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("f", b"old")]


def test_the_lock_is_held_while_input_is_open(tmp_path) -> None:
    lock, session = tmp_path / "lock", tmp_path / "session"
    line = scripts.command(scripts.LOCK, [str(lock), "0.01", str(session), "word", "a run"])
    with subprocess.Popen(
        ["sh", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as held:
        assert held.stdout.readline() == b"held\n"
        assert (session.read_text(), lock.read_text()) == ("word", "a run\n")
        busy = shell(line)
        assert (busy.returncode, busy.stdout) == (scripts.BUSY, b"a run\n")
    assert shell(line).stdout == b"held\n"
