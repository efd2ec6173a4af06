"""Both machines are what the Protocols say: every method has the same parameters."""

import inspect

import pytest

from pgward.hba.server.access import Access, FileAccess, Trees
from pgward.hba.server.disk import Disk
from pgward.hba.server.local import LocalAccess
from pgward.hba.server.ssh.access import SshAccess
from pgward.hba.server.ssh.disk import SshDisk
from pgward.hba.server.ssh.trees import SshTrees


def methods(kind: type) -> dict[str, list[str]]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {
        name: list(inspect.signature(function).parameters)
        for name, function in found
        if not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [
        (FileAccess, Disk),
        (FileAccess, SshDisk),
        (Access, LocalAccess),
        (Access, SshAccess),
        (Trees, SshTrees),
    ],
)
def test_same_methods(protocol, kind) -> None:
    expected = methods(protocol)
    assert {name: methods(kind)[name] for name in expected} == expected
