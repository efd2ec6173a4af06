from datetime import timedelta
from types import SimpleNamespace

from pgward.ca.access import admission
from pgward.ca.access.admission import Held
from pgward.ca.resources.kinds import ServiceSpec
from tests.fixtures.ca_service import service

HOUR = timedelta(hours=1)
SPEC = ServiceSpec.model_validate(service(allow={"groups": ["dba"]})["spec"])


def test_all_grants_of_a_person_on_a_service_are_one(store, clock, grant):
    now = clock.now()
    grant(1, names=["b", "a"], role=None, integration=None)
    grant(2, names=["c", "a"], ends_at=now + 2 * HOUR)
    grant(3, service="wiki", role=None, integration=None, names=[])
    grant(4, user_name="bob")
    with store.read() as connection:
        found = admission.held(connection, "ann", now)
    assert found == {
        "shop": Held(now + 2 * HOUR, "ann", ("a", "b", "c"), "shop-db"),
        "wiki": Held(now + HOUR, None, (), None),
    }


def test_a_service_is_used_by_those_it_names_and_those_with_a_grant(store, clock, grant):
    grant(1)

    def may(name, *groups, on="shop", later=timedelta()):
        person = SimpleNamespace(name=name, groups=groups)
        with store.read() as connection:
            return admission.may_use(connection, on, SPEC, person, clock.now() + later)

    assert may("ann")
    assert may("bob", "dba")
    assert not may("bob", "staff")
    assert not may("ann", on="wiki")
    assert not may("Ann")
    assert not may("ann", later=HOUR)
