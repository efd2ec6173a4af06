"""Configuration files and what they include, read by the server itself: for ``syntax.files``."""

import base64

from pgward.hba.live import queries
from pgward.hba.live.psql import Answer, Asking, Refusal
from pgward.hba.syntax.files import FileProblemError

_NO_FILE = "58P01"


class RemoteFiles:
    """Reads through ``pg_read_binary_file``, each file once; ``known`` are answers so far."""

    def __init__(self, ask: Asking) -> None:
        self._ask = ask
        self._known: dict[str, bytes] = {}

    def note(self, answer: Answer) -> None:
        """Remember the bytes of a file that was asked for already."""
        for row in [] if isinstance(answer, Refusal) else answer:
            if row["data"] is not None:
                self._known[row["path"]] = base64.b64decode(row["data"])

    def read(self, path: str) -> bytes:
        """Return a file's bytes; raise FileProblemError."""
        if path not in self._known:
            answer = self._one(queries.of_file(path))
            self.note(answer)
            if path not in self._known:
                raise FileProblemError(f"there is no {path}", missing=True)
        return self._known[path]

    def names(self, directory: str) -> list[str]:
        """Return the names in a directory that are no directories; raise FileProblemError."""
        return [row["name"] for row in self._one(queries.names_in(directory))]

    def _one(self, query: str) -> list[dict[str, str]]:
        (answer,) = self._ask([query])
        if isinstance(answer, Refusal):
            raise FileProblemError(answer.message, missing=answer.code == _NO_FILE)
        return answer
