"""One request and its reply, without a web framework."""

from dataclasses import dataclass, field
from typing import Any

from pgward.ca.acme.problems import AcmeError

JSON, PROBLEM = "application/json", "application/problem+json"
PEM_CHAIN = "application/pem-certificate-chain"


@dataclass(frozen=True, slots=True)
class Request:
    """What came: ``origin`` is ``https://host[:port]`` as the client wrote it, if it is ours."""

    method: str
    origin: str
    path: str
    query: str = ""
    content_type: str = ""
    body: bytes = b""

    @property
    def url(self) -> str:
        """The address that a signature must name."""
        return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query else "")


@dataclass(slots=True)
class Reply:
    """What goes back: a JSON document, or ``content`` as it is."""

    status: int
    document: Any | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    content_type: str = JSON
    links: list[str] = field(default_factory=list)


def problem(error: AcmeError) -> Reply:
    """Return an error's reply."""
    return Reply(error.status, error.document(), dict(error.headers), content_type=PROBLEM)
