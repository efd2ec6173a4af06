import dataclasses

import pytest

from pgward.client.config import service_file as sections
from pgward.client.config.facts import Facts
from pgward.doctor.checks import service_file
from pgward.doctor.finding import Status
from pgward.tunnel.local import ports
from pgward.tunnel.local.registry import Registry
from tests.fixtures.patients import service

PORT = 15432


@pytest.fixture
def path(patient):
    patient.user_home.mkdir()
    return patient.user_home / ".pg_service.conf"


@pytest.fixture
def installed(patient, path):
    """A patient with a section for the service, which leads where its tunnel will be."""
    patient.service, patient.service_name = service(), "orders"
    assert ports.reserve(Registry(patient.home.directory), "orders") >= PORT
    write(patient, path)
    return patient


def port_of(patient):
    return Registry(patient.home.directory).remembered_port("orders")


def write(patient, path, *, service=None, port=None, native=None, home=None):
    """Write a section; what is not given is right."""
    session = patient.need_session()
    service = service or patient.service
    if native is None:
        facts = Facts.tunnel(service, port or port_of(patient), "alice", session.paths)
    else:
        facts = Facts.native(service, native or None, port or 5432, "alice", session.paths)
    path.touch(mode=0o600)
    path.write_bytes(sections.section(facts, str(home or patient.home.directory), native=native))


def test_none_is_there_and_nothing_names_one(patient):
    assert service_file.look(patient) is None


def test_one_that_the_environment_names_and_that_is_not_there(patient):
    patient.environ = {"PGSERVICEFILE": str(patient.user_home / "mine.conf")}
    found = service_file.look(patient)
    assert (found.status, "which is not there" in found.what) == (Status.WARN, True)


def test_a_section_that_leads_to_the_tunnel(installed, path):
    found = service_file.look(installed)
    assert (found.status, found.what) == (
        Status.OK,
        f"{path} leads psql service=orders where orders is",
    )
    installed.service = installed.service_name = None
    assert service_file.look(installed).what == f"{path} is in order"


def test_the_one_that_the_environment_names_counts(installed, path):
    other = path.with_name("other.conf")
    path.rename(other)
    installed.environ = {"PGSERVICEFILE": str(other)}
    assert service_file.look(installed).status is Status.OK


def test_a_service_without_a_section(installed, path):
    path.write_text("[stock]\nhost=db9\n")
    assert "pgward config install orders makes one" in service_file.look(installed).what
    path.write_text("[orders]\nhost=db9\n")
    assert service_file.look(installed).what == f"{path} has a section [orders] of your own"


def test_a_stale_port_and_another_sslmode(installed, path):
    write(installed, path, port=port_of(installed) + 1)
    found = service_file.look(installed)
    assert found.why == f"port is {port_of(installed) + 1}, and should be {port_of(installed)}"
    assert found.hint.startswith("pgward config install orders writes it anew")
    write(installed, path, service=dataclasses.replace(installed.service, ssl_mode="require"))
    why = service_file.look(installed).why
    assert "sslmode is require, and should be verify-full" in why
    assert "sslrootcert is missing" in why


def test_a_native_section_keeps_its_way(installed, path):
    write(installed, path, native="", port=5433)
    assert service_file.look(installed).status is Status.OK
    write(installed, path, native="db2.test")
    assert service_file.look(installed).status is Status.OK


def test_what_a_person_put_into_the_section_is_not_shown(installed, path):
    path.write_text(path.read_text().replace("port=", "password=hunter2\nport="))
    path.chmod(0o644)
    found = service_file.look(installed)
    assert "password is set, and the service needs none" in found.why
    assert "a password is in it, and others may read it" in found.why
    assert "hunter2" not in str(found)


def test_a_section_of_another_home(installed, path):
    write(installed, path, home="/srv/other")
    found = service_file.look(installed)
    assert found.why == "the section is of another PGWARD_HOME: /srv/other"
    assert found.hint == "PGWARD_HOME=/srv/other pgward config uninstall orders"


def test_a_section_that_is_there_twice(installed, path):
    path.write_text(f"[orders]\nhost=db9\n{path.read_text()}")
    found = service_file.look(installed)
    assert "the section [orders] is there in lines 1, 5, and libpq takes the first" in found.why


def test_a_file_that_others_may_change(installed, path):
    path.chmod(0o620)
    found = service_file.look(installed)
    assert "others may change it (mode 0620)" in found.why


def test_a_line_that_libpq_cannot_read(installed, path):
    path.write_text(f"{path.read_text()}# {'x' * 1100}\n")
    assert "libpq gives the whole file up" in service_file.look(installed).why


def test_marks_that_do_not_match(installed, path):
    path.write_text("# pgward begin orders\n[orders]\n")
    found = service_file.look(installed)
    assert (found.status, "its other mark is missing" in found.what) == (Status.WARN, True)
