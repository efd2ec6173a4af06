from pgward.ca.rotation import probes
from pgward.client import duties
from pgward.core import names
from pgward.core.errors import InvalidInputError
from pgward.pki import chain


def test_a_probe_names_nobody():
    for check in (names.identity, names.resource_name, names.dns_name):
        try:
            check(probes.SUBJECT)
        except InvalidInputError:
            continue
        raise AssertionError(check)


def test_both_ends_know_the_names():
    assert duties.PROBE_SUBJECT == probes.SUBJECT
    assert duties.SERVER_NAME == probes.SERVER_NAME


def test_each_hierarchy_has_its_own():
    user, server = probes.profile("user"), probes.profile("server")
    assert (user[0].purposes, user[1]) == ((chain.CLIENT_AUTH,), ())
    assert (server[0].purposes, server[1]) == ((chain.SERVER_AUTH,), (probes.SERVER_NAME,))
