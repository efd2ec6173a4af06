import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.login.shown import Shown
from pgward.hba.prove import proofs
from pgward.hba.prove.proofs import Proof, Proofs
from pgward.pki import keys
from tests.fixtures.material import CLIENT, SmallCa

NAME = "pgward_prove_0011223344556677"


def of(ca: SmallCa, name: str) -> Shown:
    key = keys.generate()
    return Shown((ca.users.issue(name, key, CLIENT), ca.users.issuing.certificate), key)


def test_a_name_becomes_a_role_without_its_domain() -> None:
    ca = SmallCa()
    name = f"{NAME}@corp.example"
    found = Proofs(name, {Proof.VALID: of(ca, name)}, (ca.users.root.certificate,))
    assert found.role == NAME


@pytest.mark.parametrize("name", ["postgres", "ann", "x_pgward_prove_1", 'pgward_prove_"; drop'])
def test_a_ca_cannot_choose_somebodys_name(name) -> None:
    ca = SmallCa()
    with pytest.raises(InvalidInputError):
        Proofs(name, {Proof.VALID: of(ca, name)}, ())
    with pytest.raises(InvalidInputError, match="another name than it said"):
        Proofs(NAME, {Proof.VALID: of(ca, "postgres")}, ())


def test_all_that_can_be_shown() -> None:
    ca = SmallCa()
    given = Proofs(NAME, {Proof.VALID: of(ca, NAME)}, ())
    assert [proof for proof, _ in proofs.every(given, None)] == [Proof.VALID, Proof.FOREIGN]
    found = dict(proofs.every(given, of(ca, "db1")))
    assert found.keys() == {Proof.VALID, Proof.FOREIGN, Proof.SERVER}
    assert found[Proof.FOREIGN].name == NAME
