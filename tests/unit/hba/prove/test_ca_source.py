from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.core.errors import InvalidInputError, UnavailableError
from pgward.hba.prove import ca_source
from pgward.hba.prove.proofs import Proof
from pgward.pki import csr
from tests.fixtures.material import CLIENT, SmallCa

NAME = "pgward_prove_0011223344556677"


class FakeMachine:
    """A CA as a machine sees it; ``spoil`` changes its answer."""

    def __init__(self, spoil=lambda _: None) -> None:
        self.ca, self.spoil, self.asked = SmallCa(), spoil, []

    def call(self, method, path, body):
        self.asked.append((method, path, sorted(body), body.get("domain")))
        key = csr.read(body["csr"].encode())  # has public_key(), as a key has
        variants = ("valid", "expired", "not_yet_valid", "revoked")
        reply = {
            "name": NAME,
            "certificates": {
                each: text(self.ca.users.issue(NAME, key, CLIENT)) for each in variants
            },
            "chain": [text(self.ca.users.issuing.certificate)],
        }
        self.spoil(reply)
        return reply

    def trust(self):
        return {"user_roots": [text(self.ca.users.root.certificate)]}


def text(certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def test_what_the_ca_gives() -> None:
    machine = FakeMachine()
    found = ca_source._get(machine, "corp.example")
    path = "/v1/machine/proofs"
    assert machine.asked == [("POST", path, ["csr", "domain"], "corp.example")]
    assert found.shown.keys() == {Proof.VALID, Proof.EXPIRED, Proof.EARLY, Proof.REVOKED}
    assert {len(each.chain) for each in found.shown.values()} == {2}
    assert found.roots == (machine.ca.users.root.certificate,)
    ca_source._get(machine, None)
    assert machine.asked[1][2] == ["csr"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda reply: reply.pop("name"),
        lambda reply: reply["certificates"].pop("revoked"),
        lambda reply: reply.update(certificates=[]),
        lambda reply: reply.update(chain=["nonsense"]),
        lambda reply: reply["certificates"].update(valid="nonsense"),
    ],
)
def test_an_answer_that_cannot_be_read(spoil) -> None:
    with pytest.raises(UnavailableError, match="cannot be read"):
        ca_source._get(FakeMachine(spoil), None)


def test_a_ca_that_names_somebody() -> None:
    with pytest.raises(InvalidInputError):
        ca_source._get(FakeMachine(lambda reply: reply.update(name="postgres")), None)
    with suppress(InvalidInputError):
        ca_source._get(FakeMachine(lambda reply: reply.update(name=3)), None)
        raise AssertionError
