import pytest

from pgward.tunnel.agent.client import AgentAwayError
from pgward.tunnel.agent.top import source as module
from pgward.tunnel.agent.top.source import AgentSource


class FakeClient:
    made: "list[FakeClient]"
    answers: "list[object]"

    def __init__(self, home) -> None:
        self.home = home
        self.closed = False
        self.made.append(self)

    def call(self, op, **fields):
        assert (op, fields) == ("live", {"after": 3})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clients(monkeypatch):
    monkeypatch.setattr(FakeClient, "made", [], raising=False)
    monkeypatch.setattr(FakeClient, "answers", [], raising=False)
    monkeypatch.setattr(module, "AgentClient", FakeClient)
    return FakeClient


def test_one_connection_until_the_agent_ends_and_then_another(tmp_path, clients):
    clients.answers[:] = [{"n": 1}, {"n": 2}, AgentAwayError("the agent ended"), {"n": 3}]
    source = AgentSource(tmp_path)
    assert [source.live(3), source.live(3)] == [{"n": 1}, {"n": 2}]
    with pytest.raises(AgentAwayError):
        source.live(3)
    assert source.live(3) == {"n": 3}
    source.close()
    source.close()
    assert [each.closed for each in clients.made] == [True, True]


def test_what_takes_long_is_asked_on_its_own(tmp_path, monkeypatch):
    asked = []
    answers = {
        "services": {"services": [{"name": "orders"}]},
        "connect": {"running": {"host": "127.0.0.1", "port": 16000}},
        "disconnect": {"closed": ["orders"]},
    }

    def ask(home, op, **fields):
        asked.append((home, op, fields))
        return answers[op]

    monkeypatch.setattr(module, "ask", ask)
    source = AgentSource(tmp_path)
    assert source.services() == [{"name": "orders"}]
    assert source.connect("orders") == "127.0.0.1:16000"
    source.disconnect("orders")
    answers["connect"] = {"running": {"host": "/run/orders", "port": 5432}}
    assert source.connect("orders") == "/run/orders"
    assert asked[:3] == [
        (tmp_path, "services", {}),
        (tmp_path, "connect", {"service": "orders"}),
        (tmp_path, "disconnect", {"service": "orders"}),
    ]
