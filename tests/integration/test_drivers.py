"""Each client connects with the configuration as it is printed, both ways."""

import shutil
from datetime import timedelta

import pytest

from pgward.client.config.catalogue import FORMATS
from pgward.client.config.facts import Facts
from pgward.client.config.service_file import MOST_IN_LINE, MOST_IN_OLD_LINE
from pgward.client.identity import IdentityPaths
from pgward.programs.finder import Finder
from pgward.programs.installing import Installer
from pgward.system.postgres import find_client
from tests.fixtures import drivers
from tests.fixtures.drivers import OTHERS, QUICK, SQL, libpq_of
from tests.fixtures.postgres import VERSIONS

pytestmark = pytest.mark.integration
RUN = {**QUICK, **OTHERS}
CLIENTS = [*QUICK, *(pytest.param(name, marks=pytest.mark.matrix) for name in OTHERS)]
# pgjdbc can verify a name only where it connects to: at the tunnel it verifies the chain.
BY_CHAIN_ONLY = ("jdbc", "dbeaver", "datagrip")
ODD = """it's "odd" \\ $HOME @x #{1} %41 ü;a=b&c+d, [e]?"""
NAME = r"other\.test|ERR_TLS_CERT_ALTNAME_INVALID"


@pytest.fixture(scope="module")
def person(stack):
    return stack.person()


@pytest.fixture(scope="module")
def finder(person):
    with Finder(person.home, print) as made:
        yield made


@pytest.fixture(scope="module")
def service(stack, person, finder):
    """A service with an open tunnel."""
    found = finder.service(stack.service(person))
    with stack.tunnel(person, found.name):
        yield found


@pytest.fixture(scope="module")
def renamed(stack, person, finder):
    """A service of which the CA says another server name than PostgreSQL's certificate has."""
    found = finder.service(stack.service(person, serverName="other.test"))
    with stack.tunnel(person, found.name):
        yield found


@pytest.mark.parametrize("client", CLIENTS)
def test_through_the_tunnel(trial, person, finder, service, client):
    text = FORMATS[client].render(finder.reserved(service))
    assert RUN[client](trial, text) == f"{person.name} true /CN={person.name}"


@pytest.mark.parametrize("client", CLIENTS)
def test_straight_to_postgresql(trial, person, finder, service, client, *, stack):
    text = FORMATS[client].render(finder.native(service, "localhost", stack.cluster.port))
    assert RUN[client](trial, text) == f"{person.name} true /CN={person.name}"


@pytest.fixture(scope="module")
def odd(stack, person, finder, tmp_path_factory):
    """Facts in which a database and a directory have every character that means something."""
    quoted = ODD.replace('"', '""')
    stack.cluster.psql(f'create database "{quoted}"')
    found = finder.service(stack.service(person, database=ODD))
    home = tmp_path_factory.mktemp("odd") / ODD
    home.symlink_to(person.home)
    with stack.tunnel(person, found.name), Finder(home, print) as at_home:
        yield at_home.reserved(found)


@pytest.mark.parametrize("client", CLIENTS)
def test_odd_names(trial, person, odd, client):
    assert (
        RUN[client](trial, FORMATS[client].render(odd)) == f"{person.name} true /CN={person.name}"
    )


@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_of_another_name_is_refused(trial, person, finder, renamed, client):
    text = FORMATS[client].render(finder.reserved(renamed))
    if client in BY_CHAIN_ONLY:
        assert RUN[client](trial, text) == f"{person.name} true /CN={person.name}"
        return
    with pytest.raises(AssertionError, match=NAME):
        RUN[client](trial, text)


@pytest.mark.parametrize(
    "client",
    [
        "asyncpg",
        *(pytest.param(n, marks=pytest.mark.matrix) for n in ("node-postgres", "postgres.js")),
    ],
)
def test_a_pool_takes_the_renewed_certificate(trial, tmp_path, finder, service, *, client):
    """For each of its sessions, although it got its configuration once."""
    current, renewed = tmp_path / "current", tmp_path / "renewed"
    shutil.copytree(finder.session.paths.cert.parent, tmp_path / "before")
    before = finder.session.state.serial
    finder.session.ensure_certificate(timedelta(), refused=True)
    current.symlink_to(tmp_path / "before")
    renewed.symlink_to(finder.session.paths.cert.parent.resolve())
    names = IdentityPaths(current / "login.crt", current / "login.key", current / "ca.crt")
    facts = Facts.tunnel(service, finder.reserved(service).port, finder.session.user.name, names)
    text = FORMATS[client].render(facts)
    found = drivers.pool_of(client, trial, text, current=current, renewed=renewed)
    wanted = [str(int(serial, 16)) for serial in (before, finder.session.state.serial)]
    assert found == wanted


@pytest.fixture
def service_file(trial, monkeypatch, finder, service, *, person, odd):
    """A service file with a person's own section, and one of ours for every service."""
    path = trial.file("services", "[mine]\nhost=elsewhere\n")
    monkeypatch.setenv("PGSERVICEFILE", str(path))
    names = (odd.service, service.name)
    Installer(person.home, print).install(finder, names, everything=False, native=None)
    return str(path)


def test_psql_by_service(trial, person, service, odd, service_file):
    for name in (service.name, odd.service):
        command = [find_client("psql"), "-XAtq", f"service={name}", "-c", SQL]
        found = trial.run(*command, PGSERVICEFILE=service_file)
        assert found == f"{person.name} true /CN={person.name}"


@pytest.mark.matrix
@pytest.mark.parametrize("version", VERSIONS)
def test_libpq_of_every_version(trial, person, service, service_file, *, version):
    found = libpq_of(version, trial, f"service={service.name}", PGSERVICEFILE=service_file)
    assert found == f"{person.name} true /CN={person.name}"


@pytest.mark.matrix
@pytest.mark.parametrize("version", VERSIONS)
def test_libpq_of_every_version_verifies_the_name(trial, finder, renamed, version):
    with pytest.raises(AssertionError, match=r"does not match host name \"other\.test\""):
        libpq_of(version, trial, FORMATS["libpq"].render(finder.reserved(renamed)))


@pytest.mark.matrix
@pytest.mark.parametrize("version", VERSIONS)
def test_how_long_lines_may_be(trial, version):
    most = MOST_IN_OLD_LINE if version < 14 else MOST_IN_LINE
    for length, reason in ((most, "port 1 failed|refused"), (most + 1, "line 1 too long")):
        text = f"#{'x' * (length - 1)}\n[prod]\nhost=127.0.0.1\nport=1\n"
        path = str(trial.file("services", text))
        with pytest.raises(AssertionError, match=reason):
            libpq_of(version, trial, "service=prod", PGSERVICEFILE=path)
