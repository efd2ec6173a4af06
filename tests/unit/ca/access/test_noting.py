import pytest

from pgward.ca.access import ending, noting
from pgward.ca.resources import kinds
from pgward.core.errors import ConflictError
from tests.fixtures.access_world import BUNDLE_SPEC, FLOW, INTEGRATION, SERVICE


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("Service", SERVICE, []),
        (
            "Service",
            SERVICE | {"integration": "shop-bd"},
            ["there is no Integration 'shop-bd'; did you mean 'shop-db'?"],
        ),
        (
            "Integration",
            INTEGRATION,
            ["there is no connector 'c1' yet: pgward ca token connector c1"],
        ),
        ("RoleBundle", BUNDLE_SPEC, []),
        (
            "RoleBundle",
            BUNDLE_SPEC | {"integrations": ["zz"]},
            ["there is no Integration 'zz'"],
        ),
        ("AccessFlow", FLOW, []),
        (
            "AccessFlow",
            FLOW | {"services": ["zz"], "bundles": ["zz"], "approvals": []},
            [
                "there is no Service 'zz'",
                "there is no RoleBundle 'zz'",
                "it has no approvals, so everything that it offers is given without anybody's yes",
            ],
        ),
    ],
)
def test_what_is_not_there_is_said(access, kind, spec, expected):
    body = {"kind": kind, "metadata": {"name": "x"}, "spec": spec}
    with access.store.read() as connection:
        assert noting.about(connection, kinds.read(kind, body)) == expected


def test_a_server_on_which_people_have_something_is_not_forgotten(access, clock):
    grant = access.granted()
    with access.store.write() as transaction:
        noting.deleting(transaction, "Service", "shop", now=clock.now())
        with pytest.raises(ConflictError, match=grant.id):
            noting.deleting(transaction, "Integration", "shop-db", now=clock.now())
        ending.end(transaction, grant, "revoked", now=clock.now())
        noting.deleting(transaction, "Integration", "shop-db", now=clock.now())
    assert access.grant(grant.id).state == "ended"
