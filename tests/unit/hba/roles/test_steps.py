import pytest

from pgward.core.errors import PgwardError
from pgward.hba.roles.console import RefusedError
from pgward.hba.roles.planning import Step
from pgward.hba.roles.steps import carry_out

STEPS = [Step(name, (f"one {name};", f"two {name};")) for name in ("ann", "ben", "eve")]


class Server:
    """Refuses scripts with a word; ``ran`` are those that it took."""

    def __init__(self, word: str = "none") -> None:
        self.word = word
        self.ran: list[str] = []

    def run(self, script: str) -> None:
        if self.word in script:
            raise RefusedError("PostgreSQL refused: no")
        self.ran.append(script)


def test_all_at_once() -> None:
    server = Server()
    assert carry_out(server.run, STEPS) == {}
    (script,) = server.ran
    assert script.count("begin;") == script.count("commit;") == 1
    assert script.index("two ann;") < script.index("one ben;")


def test_without_the_one_that_is_refused() -> None:
    server = Server("two ben;")
    assert carry_out(server.run, STEPS) == {"ben": "PostgreSQL refused: no"}
    assert ["ann" in server.ran[0], "eve" in server.ran[1], len(server.ran)] == [True, True, 2]


def test_nothing_to_do() -> None:
    assert carry_out(Server("").run, []) == {}


def test_a_server_that_cannot_be_asked() -> None:
    def run(_: str) -> None:
        raise PgwardError("it does not answer")

    with pytest.raises(PgwardError, match="does not answer"):
        carry_out(run, STEPS)
