import asyncio
from datetime import UTC, datetime

from pgward.client.edge_calls import LoggedIn, TokenFacts
from pgward.core.errors import UnavailableError
from pgward.tunnel.edge.aware import uses as module
from pgward.tunnel.edge.aware.uses import EVERY_SECONDS, Uses

ENDS = datetime(2027, 1, 1, tzinfo=UTC)
LOGIN = LoggedIn("alice", "orders", "s1", ENDS, "password", (), None)


def token(name: str = "tk-a", *, seen: bool = False) -> TokenFacts:
    return TokenFacts(name, LOGIN, "verifier", ENDS, seen)


class Ca:
    def __init__(self, error: Exception | None = None) -> None:
        self.heard: list[tuple[str, str, str]] = []
        self.error = error

    def call(self, method, path, fields):
        self.heard.append((method, path, fields["client"]))
        if self.error is not None:
            raise self.error
        return {"change": "updated"}


def told(ca: Ca, *tokens: TokenFacts, moves: float = 0.0) -> list[str]:
    async def main() -> None:
        now = [1000.0]
        uses = Uses(ca, monotonic=lambda: now[0])
        for each in tokens:
            uses.tell(each, "192.0.2.1")
            now[0] += moves
        await asyncio.gather(*uses._telling)

    asyncio.run(main())
    return sorted(path for _, path, _ in ca.heard)


def test_the_ca_hears_of_it():
    ca = Ca()
    told(ca, token())
    assert ca.heard == [("POST", "/v1/edges/self/tokens/tk-a/uses", "192.0.2.1")]


def test_a_pool_that_opens_many_connections_is_told_of_once():
    assert len(told(Ca(), *[token()] * 50)) == 1
    assert len(told(Ca(), token("tk-a"), token("tk-b"), token("tk-a"))) == 2
    assert len(told(Ca(), token(), token(), moves=EVERY_SECONDS)) == 2
    assert told(Ca(), token(seen=True)) == []


def test_it_is_no_matter_if_the_ca_is_away(caplog):
    caplog.set_level("INFO")
    assert len(told(Ca(UnavailableError("away")), token())) == 1
    assert "did not hear that tk-a is used: away" in caplog.text


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MOST", 2)
    assert len(told(Ca(), *[token(f"tk-{name}") for name in "abca"])) == 4
