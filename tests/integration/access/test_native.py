"""A grant straight to PostgreSQL: the agent beside it maps the person, and ends it in time."""

import pytest

from tests.fixtures.hba_agent import HbaAgent
from tests.fixtures.store_grants import StoreGrants
from tests.fixtures.waiting import eventually
from tests.integration.test_hba_roles import configured, gets_in, login_of, session

pytestmark = [pytest.mark.integration, pytest.mark.soak]


@pytest.fixture
def served(pg, site, tmp_path):
    yield from serving(pg, site, tmp_path)


def serving(pg, site, tmp_path):
    """Run an agent at a host of an integration; yield a person, a role and the integration."""
    host, name = site.unique("pg"), site.unique("db")
    person = site.person(word="bea")
    role = f"jit_{person.name}"
    configured(pg, site, host)
    pg.psql(f'create role "{role}" login')  # as the connector makes it
    spec = {"connector": "c1", "host": "db1", "user": "u", "auth": {"none": True}, "hosts": [host]}
    body = {"kind": "Integration", "metadata": {"name": name}, "spec": spec}
    site.api.put(f"/v1/resources/integration/{name}", body)
    agent = HbaAgent(pg, tmp_path / "agent.log")
    try:
        agent.is_well()
        yield person, role, name, agent
    finally:
        assert agent.stop() == 0, agent.messages()


def test_who_has_a_grant_logs_in_as_the_access_role_until_it_ends(pg, site, served):
    person, role, name, agent = served
    granting, login = StoreGrants(site), login_of(person)
    assert not gets_in(login, pg, role)
    grant = granting.give(person, "shop", seconds=600, role=role, integration=name)
    eventually(lambda: gets_in(login, pg, role), what=agent.messages())
    with session(login, pg, role) as alive:
        granting.change(grant, state="ending")
        alive.wait(30)
    assert not gets_in(login, pg, role)
    assert pg.psql(f"select rolcanlogin from pg_roles where rolname = '{role}'") == "t"


def test_a_grant_ends_though_neither_the_ca_nor_a_connector_is_there(pg, own_site, tmp_path):
    for person, role, name, agent in serving(pg, own_site, tmp_path):
        login, seconds = login_of(person), 15
        StoreGrants(own_site).give(person, "shop", seconds=seconds, role=role, integration=name)
        eventually(lambda login=login, role=role: gets_in(login, pg, role), what=agent.messages())
        with session(login, pg, role) as alive:
            own_site.ca.kill()
            alive.wait(seconds + 20)
        assert not gets_in(login, pg, role)
