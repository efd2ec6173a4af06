import base64

import pytest

from pgward.hba.live.psql import Refusal
from pgward.hba.live.remote_files import RemoteFiles
from pgward.hba.syntax.files import FileProblemError


class Server:
    """Answers one query after the other."""

    def __init__(self, *answers) -> None:
        self.answers, self.asked = list(answers), []

    def __call__(self, queries):
        self.asked += queries
        return [self.answers.pop(0) for _ in queries]


def row(path: str, data: bytes | None) -> dict[str, str | None]:
    return {"path": path, "data": None if data is None else base64.b64encode(data).decode()}


def test_a_file_is_asked_for_once() -> None:
    server = Server([row("/a", b"local all\0\xff")])
    files = RemoteFiles(server)
    assert [files.read("/a"), files.read("/a")] == [b"local all\0\xff"] * 2
    assert len(server.asked) == 1


def test_what_was_answered_before_is_not_asked_again() -> None:
    files = RemoteFiles(Server())
    files.note([row("/a", b"")])
    files.note(Refusal("42501", "no"))
    assert files.read("/a") == b""


@pytest.mark.parametrize(
    ("answer", "missing", "message"),
    [
        ([row("/a", None)], True, "there is no /a"),
        (Refusal("58P01", "could not open"), True, "could not open"),
        (Refusal("42501", 'could not open "/a": Permission denied'), False, "Permission denied"),
    ],
)
def test_what_cannot_be_read(answer, missing, message) -> None:
    with pytest.raises(FileProblemError, match=message) as caught:
        RemoteFiles(Server(answer)).read("/a")
    assert caught.value.missing == missing


def test_names_in_a_directory() -> None:
    assert RemoteFiles(Server([{"name": "a"}, {"name": "b"}])).names("/d") == ["a", "b"]
    with pytest.raises(FileProblemError):
        RemoteFiles(Server(Refusal("58P01", "no such directory"))).names("/d")
