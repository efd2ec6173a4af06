"""What clients say to forge what others read."""

import psycopg
import pytest

from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.integration
FORGED = "2026-11-22 12:00:00,000 pgward.edge: all is well"


def test_nobody_writes_lines_into_the_edges_log(stack):
    person = stack.person("analysts")
    service = stack.aware(person, postgres={"database": {"default": "app"}})
    name = f"x\n{FORGED}\x1b[2J"
    with (
        stack.tunnel(person, service.name) as tunnel,
        pytest.raises(psycopg.OperationalError, match="does not exist"),
    ):
        psycopg.connect(tunnel.conninfo, dbname=name)
    eventually(lambda: "all is well" in stack.edge.messages())
    said = stack.edge.messages()
    assert "\x1b" not in said
    assert FORGED not in said.splitlines()
