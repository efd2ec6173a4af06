from datetime import timedelta

import pytest

from pgward.access.flows import Asked
from pgward.access.rights import Rights
from pgward.ca.access import ending, granting
from pgward.ca.access.requests import Grant
from pgward.core.errors import ConflictError


def test_a_grant_has_what_was_asked_for_and_its_end(access):
    grant = access.granted(seconds=7200)
    assert isinstance(grant, Grant)
    assert (grant.user_name, grant.service, grant.integration, grant.role) == (
        "ann",
        "shop",
        "shop-db",
        "ann",
    )
    assert grant.ends_at - grant.granted_at == timedelta(hours=2)
    assert grant.asked.bundles == {"shop-reading"}
    assert not granting.is_granted(access.ask(seconds=60, asked=_role()))


def test_an_end_is_a_whole_second_as_everybody_is_told(access, clock):
    clock.move(milliseconds=700)
    end = access.granted().ends_at
    assert (end.microsecond, end < clock.now() + timedelta(hours=1)) == (0, True)


def test_conditions_call_a_grant_by_bundles_and_roles_or_by_its_flow():
    assert granting.names_of(_role(), "oncall") == ["reporting"]
    assert granting.names_of(Asked(), "oncall") == ["oncall"]


def test_a_grant_that_ended_while_somebody_thought_is_not_made_longer(access, clock):
    grant = access.granted()
    longer = access.extend(grant.id)
    with access.store.write() as transaction:
        ending.end(transaction, grant, "revoked", now=clock.now())
    with pytest.raises(ConflictError, match="is lapsed already"):
        access.decide(longer.id, "dirk")


def _role():
    return Asked(rights=Rights(roles=frozenset({"reporting"})))
