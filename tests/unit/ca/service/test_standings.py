from pgward.ca.identity.standings import CertificateStanding
from pgward.ca.service import standings
from tests.fixtures.authority import START


def test_what_is_told_of_a_certificate():
    (told,) = standings.listed([CertificateStanding("ff", START, "it is revoked")])
    assert told.model_dump(mode="json") == {
        "serial": "ff",
        "not_after": "2026-11-21T12:00:00Z",
        "over": "it is revoked",
    }
