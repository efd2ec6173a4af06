from cryptography import x509

from pgward.core.errors import UnavailableError
from pgward.pki import fingerprint


def test_anyone_may_read_what_to_trust(api, sql_authority):
    found = api.call("GET", "/v1/trust").json()
    assert found["name"] == "pgward"
    (root,) = [x509.load_pem_x509_certificate(pem.encode()) for pem in found["server_roots"]]
    assert fingerprint.of(root) == sql_authority.fingerprint
    assert len(found["user_roots"]) == 1


def test_what_another_process_has_begun_is_known_at_once(rotating_ca):
    """Whoever is asked for a new CA's sake gets the roots and lists from any replica."""
    refresh, listen = rotating_ca.authority.refresh, rotating_ca.api.call
    rotating_ca.authority.refresh = lambda: None  # nobody told this process of it
    rotation = rotating_ca.start("user-root")
    rotating_ca.authority.refresh = refresh
    assert len(listen("GET", "/v1/trust").json()["user_roots"]) == 2
    names = {each["name"] for each in listen("GET", "/v1/crls").json()["crls"]}
    assert names >= set(rotation.new)


def test_what_to_trust_is_told_while_the_store_is_away(rotating_ca):
    def away():
        raise UnavailableError("the authority's store is unavailable")

    rotating_ca.authority._reload = away
    assert len(rotating_ca.api.call("GET", "/v1/trust").json()["user_roots"]) == 1
