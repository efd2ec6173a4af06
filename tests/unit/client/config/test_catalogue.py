import pytest

from pgward.client.config.catalogue import FORMATS, warning
from tests.fixtures.golden_configs import FACTS, GOLDEN, TUNNEL, golden


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_as_its_golden_file(name):
    assert golden(name) == (GOLDEN / f"{name}.txt").read_text()


def test_no_golden_file_is_left_over():
    assert {path.stem for path in GOLDEN.iterdir()} == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_the_name_of_a_file_has_the_service(name):
    assert "prod-db" in FORMATS[name].file.format("prod-db")


def test_who_cannot_verify_the_name_through_a_tunnel_is_told():
    told = {name for name in FORMATS if warning(name, TUNNEL)}
    assert told == {"jdbc", "dbeaver", "datagrip", "npgsql"}
    assert warning("jdbc", TUNNEL) == (
        "jdbc cannot verify the name db1.example.internal at 127.0.0.1: it verifies that a server"
        " of your CA answers, not which one (verify-ca); --native verifies both"
    )


@pytest.mark.parametrize("title", ["native", "native, by IPv6", "verify-ca", "require", "disable"])
def test_nothing_is_said_where_all_is_verified_that_was_wanted(title):
    assert [warning(name, FACTS[title]) for name in FORMATS] == [None] * len(FORMATS)
