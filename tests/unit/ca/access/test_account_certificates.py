from datetime import timedelta

import pytest

from pgward.ca.access import account_certificates, declared
from pgward.ca.acts import RefusedError
from pgward.core.errors import ConflictError
from tests.fixtures.access_world import INTEGRATION

BY_CERTIFICATE = {"certificate": {"minutes": 3}}


def lifetime(access):
    with access.store.read() as connection:
        spec = declared.integration(connection, "shop-db")
        return account_certificates.lifetime(connection, "shop-db", spec)


def test_an_account_by_certificate_gets_one_for_as_long_as_is_said(access):
    access.put("Integration", "shop-db", INTEGRATION, auth=BY_CERTIFICATE)
    assert lifetime(access) == timedelta(minutes=3)


def test_an_account_with_a_password_gets_none(access):
    with pytest.raises(RefusedError, match="does not log in by certificates"):
        lifetime(access)


@pytest.mark.parametrize("name", ["ann", "ANN"])
def test_an_account_with_a_persons_name_gets_none(access, name):
    access.put("Integration", "shop-db", INTEGRATION, auth=BY_CERTIFICATE, user=name)
    with pytest.raises(RefusedError, match="is a person's name") as caught:
        lifetime(access)
    assert "give it a name of its own" in caught.value.hint
    with access.store.read() as connection:
        spec = declared.integration(connection, "shop-db")
        with pytest.raises(ConflictError, match="is a person's name"):
            account_certificates.check(connection, "shop-db", spec)


def test_an_account_that_another_connector_has_too_gets_none(access):
    access.put("Integration", "shop-db", INTEGRATION, auth=BY_CERTIFICATE)
    access.put("Integration", "hr-db", INTEGRATION, auth=BY_CERTIFICATE, connector="c2")
    with pytest.raises(RefusedError, match="'hr-db', which has another connector"):
        lifetime(access)
