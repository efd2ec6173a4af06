import pytest

from pgward.client.config.person_file import BACKUP
from pgward.client.config.service_file import ours
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from pgward.programs import installing
from pgward.programs.finder import Finder
from pgward.programs.installing import Done, Installer, Native
from pgward.tunnel.agent import installed
from tests.fixtures.services import entry, offer, take_away


@pytest.fixture
def path(monkeypatch, tmp_path):
    found = tmp_path / "services"
    monkeypatch.setenv("PGSERVICEFILE", str(found))
    return found


@pytest.fixture
def home(logged_in, fake_ca, tmp_path, path):  # noqa: ARG001 - both set things up
    offer(fake_ca, entry("orders"), entry("billing"))
    return tmp_path / "home"


@pytest.fixture
def said():
    return []


@pytest.fixture
def install(home, said):
    installer = Installer(home, said.append)

    def run(*names: str, everything: bool = False, native: Native | None = None) -> dict[str, str]:
        with Finder(home, said.append) as finder:
            done = installer.install(finder, names, everything=everything, native=native)
        return {each.service: each.state for each in done}

    return run


def uninstall(home, *names: str) -> dict[str, str]:
    return {each.service: each.state for each in Installer(home, print).uninstall(names)}


def test_where_libpq_looks(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSERVICEFILE", raising=False)
    assert installing.service_path() == tmp_path / ".pg_service.conf"
    monkeypatch.setenv("PGSERVICEFILE", "mine")
    assert installing.service_path().is_absolute()


def test_a_section_a_service(install, path):
    assert install("orders") == {"orders": "added"}
    assert install(everything=True) == {"billing": "added", "orders": "unchanged"}
    assert list(ours(path.read_bytes())) == ["orders", "billing"]
    ports = {each.settings["port"] for each in ours(path.read_bytes()).values()}
    assert len(ports) == 2


def test_the_agent_hears_which_tunnels_sections_need(install, home):
    install("orders")
    assert installed.load(home) == {"orders"}
    install(everything=True)
    assert installed.load(home) == {"billing", "orders"}
    install("billing", native=Native(None, 5432))
    assert installed.load(home) == {"orders"}
    uninstall(home, "orders")
    assert installed.load(home) == frozenset()


def test_again_changes_nothing(install, path):
    install("orders")
    before = path.stat()
    assert install("orders") == install() == {"orders": "unchanged"}
    assert path.stat().st_ino == before.st_ino
    assert not path.with_name(path.name + BACKUP).exists()


def test_without_names_those_that_are_there_follow_the_ca(install, fake_ca, path):
    install("orders")
    offer(fake_ca, entry("orders", database="orders2"), entry("billing"))
    assert install() == {"orders": "changed"}
    assert ours(path.read_bytes())["orders"].settings["dbname"] == "orders2"


def test_sections_of_services_that_are_gone_are_removed(install, fake_ca, path):
    path.write_bytes(b"[mine]\nhost=x\n")
    install(everything=True)
    offer(fake_ca, entry("billing"))
    assert install() == {"billing": "unchanged", "orders": "removed"}
    assert path.read_bytes().startswith(b"[mine]\nhost=x\n")
    assert list(ours(path.read_bytes())) == ["billing"]


def test_without_the_ca_nothing_counts_as_gone(install, fake_ca, home, said):
    install(everything=True)
    kept = home / "services.json"
    kept.write_text(kept.read_text().replace('"billing"', '"other"'))
    take_away(fake_ca)
    assert install() == {"orders": "unchanged"}
    assert "going on with what it said last" in said[0]


def test_a_native_section_stays_native_until_it_is_named(install, path):
    native = Native("10.0.0.7", 5433)
    assert install("orders", native=native) == {"orders": "added"}
    settings = dict(ours(path.read_bytes())["orders"].settings)
    assert (settings["hostaddr"], settings["port"]) == ("10.0.0.7", "5433")
    assert install() == {"orders": "unchanged"}
    assert install(everything=True) == {"billing": "added", "orders": "unchanged"}
    assert install("orders") == {"orders": "changed"}
    assert ours(path.read_bytes())["orders"].settings["hostaddr"] == "127.0.0.1"


def test_a_native_section_follows_the_servers_name(install, fake_ca, path):
    install("orders", native=Native(None, 5432))
    offer(fake_ca, entry("orders", server_name="db2.test"))
    assert install() == {"orders": "changed"}
    assert ours(path.read_bytes())["orders"].settings["host"] == "db2.test"


def test_a_port_that_somebody_wrote_over_a_native_section(install, path):
    install("orders", native=Native(None, 5432))
    path.write_bytes(path.read_bytes().replace(b"port=5432", b"port=99999999"))
    assert install() == {"orders": "changed"}
    assert ours(path.read_bytes())["orders"].settings["port"] == "5432"


def test_a_section_of_ones_own_is_left_alone(install, path, said):
    path.write_bytes(b"[orders]\nhost=x\n")
    with pytest.raises(ConflictError, match=r"line 1 has a section \[orders\] of your own"):
        install("orders")
    assert path.read_bytes() == b"[orders]\nhost=x\n"
    assert install(everything=True) == {"billing": "added"}
    assert said == [f"{path} has a section [orders] of your own in line 1: it stays"]


def test_a_section_of_another_home_is_left_alone(install, home, path):
    install("orders")
    theirs = path.read_bytes().replace(str(home).encode(), b"/other/home")
    path.write_bytes(theirs)
    with pytest.raises(ConflictError, match="another PGWARD_HOME: /other/home") as error:
        install("orders")
    assert error.value.hint == "PGWARD_HOME=/other/home pgward config uninstall orders"
    assert install("billing") == {"billing": "added"}
    assert uninstall(home) == {"billing": "removed"}
    assert path.read_bytes() == theirs


def test_a_service_that_is_not_there_changes_nothing(install, path):
    with pytest.raises(NotFoundError, match="there is no service 'order'"):
        install("billing", "order")
    assert not path.exists()


def test_a_ca_that_lies_writes_nothing(install, fake_ca, path):
    path.write_bytes(b"[mine]\n")
    offer(fake_ca, entry("orders"), entry("evil", database="x\n[mine]\nhost=evil.example"))
    with pytest.raises(InvalidInputError):
        install(everything=True)
    assert path.read_bytes() == b"[mine]\n"
    assert install("orders") == {"orders": "added"}  # the others go on


def test_what_was_put_in_is_taken_out(install, home, path):
    path.write_bytes(b"[mine]\nhost=x\n")
    install(everything=True)
    assert uninstall(home, "orders") == {"orders": "removed"}
    assert uninstall(home) == {"billing": "removed"}
    assert path.read_bytes() == b"[mine]\nhost=x\n"
    assert uninstall(home) == {}
    with pytest.raises(NotFoundError, match="has no section of pgward for 'orders'"):
        uninstall(home, "orders")


def test_a_row_for_people_and_programs():
    assert Done("orders", "removed").row() == {
        "service": "orders",
        "state": "removed",
        "connects_to": None,
        "use": None,
    }
