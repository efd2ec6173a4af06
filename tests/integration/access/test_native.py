"""A grant straight to PostgreSQL: the agent beside it maps the person, and ends it in time."""

import pytest

from tests.fixtures.hba_agent import HbaAgent
from tests.fixtures.store_grants import StoreGrants
from tests.fixtures.waiting import eventually
from tests.integration.test_hba_roles import configured, gets_in, login_of, session

pytestmark = [pytest.mark.integration, pytest.mark.soak]


def test_who_has_a_grant_logs_in_as_the_access_role_until_it_ends(pg, site, tmp_path):
    host, name = site.unique("pg"), site.unique("db")
    person = site.person(word="bea")
    login, role = login_of(person), f"jit_{person.name}"
    configured(pg, site, host)
    pg.psql(f'create role "{role}" login')  # as the connector makes it
    spec = {"connector": "c1", "host": "db1", "user": "u", "auth": {"none": True}, "hosts": [host]}
    body = {"kind": "Integration", "metadata": {"name": name}, "spec": spec}
    site.api.put(f"/v1/resources/integration/{name}", body)
    granting = StoreGrants(site)
    agent = HbaAgent(pg, tmp_path / "agent.log")
    try:
        agent.is_well()
        assert not gets_in(login, pg, role)
        grant = granting.give(person, "shop", seconds=600, role=role, integration=name)
        eventually(lambda: gets_in(login, pg, role), what=agent.messages())
        with session(login, pg, role) as alive:
            granting.change(grant, state="ending")
            alive.wait(30)
        assert not gets_in(login, pg, role)
        assert pg.psql(f"select rolcanlogin from pg_roles where rolname = '{role}'") == "t"
    finally:
        assert agent.stop() == 0, agent.messages()
