import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pgward.core.errors import InvalidInputError
from pgward.shell import completion

ROOT = click.Group("pgward")


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_a_script_asks_pgward(shell):
    text = completion.script(shell, ROOT)
    assert f"_PGWARD_COMPLETE={shell}_complete" in text


def test_a_shell_that_is_none():
    with pytest.raises(InvalidInputError, match="no shell known here"):
        completion.script("tcsh", ROOT)


@pytest.mark.parametrize(
    ("shell", "environ", "expected"),
    [
        ("bash", {}, "/h/.local/share/bash-completion/completions/pgward"),
        ("bash", {"XDG_DATA_HOME": "/d"}, "/d/bash-completion/completions/pgward"),
        ("zsh", {}, "/h/.zfunc/_pgward"),
        ("fish", {}, "/h/.config/fish/completions/pgward.fish"),
        ("fish", {"XDG_CONFIG_HOME": "/c"}, "/c/fish/completions/pgward.fish"),
    ],
)
def test_where_it_belongs(shell, environ, expected):
    assert str(completion.place(shell, Path("/h"), environ)) == expected


def complete(home, *words):
    """Ask bash for the words that it would offer."""
    directory = Path(sys.executable).parent
    if not (directory / "pgward").exists():
        pytest.skip("pgward is not installed as a program")
    quoted = " ".join(f"'{word}'" for word in words)
    asked = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _pgward_completion pgward"
    program = f"{completion.script('bash', ROOT)}\n{asked}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(
        ["bash", "--norc", "-c", program],
        env={**os.environ, "PATH": f"{directory}:/usr/bin:/bin", "PGWARD_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
def test_bash_completes_commands_options_and_services(tmp_path):
    (tmp_path / "services.json").write_text('{"services": [{"name": "shop"}, {"name": "orders"}]}')
    assert complete(tmp_path, "pgward", "psq") == ["psql"]
    assert complete(tmp_path, "pgward", "psql", "s") == ["shop"]
    assert complete(tmp_path, "pgward", "doctor", "") == ["orders", "shop"]
    assert complete(tmp_path, "pgward", "whoami", "--pa") == ["--paths"]
