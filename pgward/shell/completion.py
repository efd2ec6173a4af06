"""Scripts that complete ``pgward`` in bash, zsh and fish, and where they belong."""

from collections.abc import Mapping
from pathlib import Path

import click
from click.shell_completion import ShellComplete, get_completion_class

from pgward.core.errors import InvalidInputError

SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "pgward"
_VARIABLE = "_PGWARD_COMPLETE"


def script(shell: str, root: click.Command) -> str:
    """Return the script for a shell; it asks pgward itself for the words."""
    kind = get_completion_class(shell)
    if kind is None:
        raise InvalidInputError(f"{shell!r} is no shell known here", hint=", ".join(SHELLS))
    # Not the class's own `source`: for bash that starts bash, to warn of versions before 4.4.
    return ShellComplete.source(kind(root, {}, _PROGRAM, _VARIABLE))


def place(shell: str, home: Path, environ: Mapping[str, str]) -> Path:
    """Return where a shell looks for a person's own completions (XDG base directories)."""
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    if shell == "bash":
        return data / "bash-completion" / "completions" / _PROGRAM
    if shell == "fish":
        return config / "fish" / "completions" / f"{_PROGRAM}.fish"
    return home / ".zfunc" / f"_{_PROGRAM}"


NEXT: Mapping[str, str] = {
    "bash": "it is there in new shells, where the package bash-completion is installed",
    "zsh": "before `compinit` in ~/.zshrc: fpath=(~/.zfunc $fpath)",
    "fish": "it is there in new shells",
}
