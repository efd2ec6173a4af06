import pytest

from pgward.client.config.formats import dotnet
from tests.fixtures.golden_configs import FACTS, TUNNEL


def test_a_connection_string_for_npgsql():
    home = "/home/alice/.config/pgward/identity/current"
    assert dotnet.npgsql(TUNNEL) == (
        "Host=127.0.0.1;Port=15432;Username=alice;Database=shop;SSL Mode=VerifyCA;"
        f"SSL Certificate={home}/login.crt;SSL Key={home}/login.key;Root Certificate={home}/ca.crt"
    )


@pytest.mark.parametrize(
    ("title", "mode"),
    [("native", "VerifyFull"), ("require", "Require"), ("disable", "Disable")],
)
def test_modes_are_called_as_npgsql_calls_them(title, mode):
    assert f";SSL Mode={mode}" in dotnet.npgsql(FACTS[title])
