import shlex
from urllib.parse import urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgward.client.config.formats import libpq
from tests.fixtures.golden_configs import FACTS, TUNNEL

EACH = pytest.mark.parametrize("facts", FACTS.values(), ids=FACTS)


@EACH
def test_libpq_reads_strings_and_uris_as_the_same(facts):
    wanted = libpq.fields(facts)
    assert conninfo_to_dict(libpq.connection_string(facts)) == wanted
    assert conninfo_to_dict(libpq.uri(facts)) == wanted


@EACH
def test_psql_gets_one_argument(facts):
    assert shlex.split(libpq.psql(facts)) == ["psql", libpq.connection_string(facts)]


@EACH
def test_a_shell_gets_every_variable_or_loses_it(facts):
    unset, *exports = libpq.env(facts).split("\n")
    given = dict(shlex.split(line)[1].split("=", 1) for line in exports)
    assert sorted(given.values()) == sorted(libpq.fields(facts).values())
    assert set(unset.split()[1:]) == {"PGSERVICE", *libpq._VARIABLES.values()} - given.keys()


def test_a_uri_is_one():
    parts = urlsplit(libpq.uri(TUNNEL))
    assert (parts.scheme, parts.hostname, parts.port, parts.path) == (
        "postgresql",
        "db1.example.internal",
        15432,
        "/shop",
    )


@pytest.mark.parametrize("render", [libpq.perl, libpq.php, libpq.ruby])
def test_scripts_interpolate_nothing(render):
    lines = render(FACTS["odd"]).splitlines()
    assert not [line for line in lines if "$HOME" in line and "'" not in line]
