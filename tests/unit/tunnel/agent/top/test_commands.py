import json
import sys

from pgward.tunnel.agent import client
from pgward.tunnel.agent.top import app, commands


def test_one_picture_as_json(pgward, monkeypatch):
    def ask(_home, op, **fields):
        assert (op, fields) == ("live", {"after": 0})
        return {"tunnels": [], "connections": []}

    monkeypatch.setattr(client, "ask", ask)
    result = pgward("top", "--output", "json")
    assert json.loads(result.stdout) == {"tunnels": [], "connections": []}


def test_one_picture_needs_an_agent(pgward):
    result = pgward("top", "-o", "json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert json.loads(result.stderr)["error"]["message"] == "no agent runs"


def test_without_the_extra_it_says_so(pgward, monkeypatch):
    for name in [*sys.modules]:
        if name == "textual" or name.startswith(("textual.", "pgward.tunnel.agent.top.app")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textual", None)
    monkeypatch.setitem(sys.modules, "textual.app", None)
    result = pgward("top")
    assert result.exit_code == 1
    assert "which is not installed\nhint: pip install 'pgward[top]';" in result.stderr


def test_without_a_terminal_it_says_so(pgward):
    result = pgward("top")
    assert result.stderr == (
        "pgward: pgward top needs a terminal\nhint: pgward top --output json\n"
    )


def test_on_a_terminal_the_screen_is_shown(pgward, monkeypatch):
    shown = []
    monkeypatch.setattr(commands.terminal, "interactive", lambda: True)
    monkeypatch.setattr(app.TopApp, "run", lambda _app: shown.append(True))
    assert pgward("top").exit_code == 0
    assert shown == [True]
