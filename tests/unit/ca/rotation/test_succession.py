"""A subordinate CA asks the company for the next issuing CA."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.audit.events import AuditEvent
from pgward.ca.ceremony import importing, requests
from pgward.ca.ceremony.subordinate import Signed, SubordinateError
from pgward.ca.generations import ROOTS, State
from pgward.ca.keys.keeper import KeyKeeper
from pgward.ca.records import CaName
from pgward.ca.rotation import rotations, succession
from pgward.ca.rotation.phases import Phase
from pgward.ca.standing import adopt_files
from pgward.ca.store import Store, audit
from pgward.ca.store import authorities as stored
from pgward.ca.store.certificates import SqlCertificates
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from pgward.pki import crl
from tests.fixtures.authority import MovableClock, keeper_of
from tests.fixtures.company import Company, make_company

USER = CaName.USER_ISSUING


@dataclass
class Below:
    """The directory of a CA below a company's root, which is in use."""

    directory: Path
    store: Store
    keeper: KeyKeeper
    clock: MovableClock
    company: Company
    lists: int = 0

    def ask(self, target: CaName = USER) -> Path:
        return succession.ask(
            self.store, self.directory, self.keeper, target, name="Acme", clock=self.clock
        )

    def signed(self, *names: str, company: Company | None = None) -> Signed:
        """What the company makes of the requests of these CAs."""
        by = company or self.company
        asked = [requests.load(self.directory, name) for name in names]
        self.lists += 1
        return Signed((*(by.sign(each) for each in asked), by.root), (by.crl(number=self.lists),))

    def take(self, signed: Signed) -> importing.Imported:
        return importing.take(self.directory, self.store, signed, self.keeper, self.clock)

    def states(self) -> dict[str, State]:
        with self.store.read() as connection:
            return {each.id: each.state for each in stored.read(connection).all}

    def audited(self, action: str) -> list[AuditEvent]:
        with self.store.read() as connection:
            return audit.events(connection, after=0, action=action)


@pytest.fixture
def below(tmp_path, store, clock, company) -> Below:
    made = Below(tmp_path, store, keeper_of(tmp_path, b"open sesame"), clock, company)
    for name in ROOTS:
        request = requests.sign("Acme", name, made.keeper.create(name).signer)
        path = requests.path(tmp_path, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(request.public_bytes(Encoding.PEM))
    made.take(made.signed(*ROOTS))
    adopt_files(store, tmp_path, made.keeper)
    return made


def test_it_is_asked_for_with_a_key_of_its_own(below):
    path = below.ask()
    assert path == below.directory / "requests" / "user-issuing-2.csr"
    first, second = (requests.load(below.directory, f"user-issuing{n}") for n in ("", "-2"))
    assert first.public_key() != second.public_key()
    signer = below.keeper.load("file:keys/user-issuing-2.key")
    assert signer.public_key == second.public_key()
    assert set(below.states().values()) == {State.CURRENT}
    (event,) = below.audited("rotation.request")
    assert event["target"] == "user-issuing-2"


def test_asking_again_changes_nothing(below):
    before = below.ask().read_bytes()
    assert below.ask().read_bytes() == before
    assert len(below.audited("rotation.request")) == 1


def test_a_request_that_was_cut_off_is_made_for_the_key_that_is_there(below):
    path = below.ask()
    asked = requests.load(below.directory, "user-issuing-2").public_key()
    path.unlink()
    below.ask()
    assert requests.load(below.directory, "user-issuing-2").public_key() == asked


def test_what_the_company_signed_begins_the_rotation(below):
    below.ask()
    signed = below.signed("user-issuing-2")
    taken = below.take(signed)
    (rotation,) = taken.begun
    assert (rotation.id, rotation.target, rotation.phase) == (
        "user-issuing-2",
        USER,
        Phase.TRUST_BOTH,
    )
    assert (rotation.old, rotation.new) == (("user-issuing",), ("user-issuing-2",))
    assert below.states()["user-issuing-2"] is State.NEXT
    first = SqlCertificates(below.store).latest_crl("user-issuing-2")
    assert crl.signer_key_id(crl.read(first.der)) == crl.key_id(signed.certificates[0])
    assert (below.directory / "certs" / "user-issuing-2.crt").exists()
    assert taken.missing == ()


def test_taking_it_again_begins_no_second_rotation(below):
    below.ask()
    below.take(below.signed("user-issuing-2"))
    assert below.take(below.signed("user-issuing-2")).begun == ()
    with below.store.read() as connection:
        assert len(rotations.every(connection)) == 1
    with pytest.raises(ConflictError, match="user-issuing-2 is under way"):
        below.ask()


def test_both_hierarchies_at_once(below):
    for role in ROOTS:
        below.ask(role)
    taken = below.take(below.signed("user-issuing-2", "server-issuing-2"))
    assert {each.id for each in taken.begun} == {"user-issuing-2", "server-issuing-2"}


def test_another_root_of_the_company_begins_nothing(below):
    below.ask()
    other = below.signed("user-issuing-2", company=make_company(called="CN=Other Root"))
    with pytest.raises(SubordinateError, match="the user-root CA that is in use has another key"):
        below.take(other)
    assert "user-issuing-2" not in below.states()


def test_a_key_that_is_away_begins_nothing(below):
    below.ask()
    signed = below.signed("user-issuing-2")
    path = below.directory / "keys" / "user-issuing-2.key"
    path.rename(path.with_suffix(".away"))
    with pytest.raises(NotFoundError, match="there is no key file"):
        below.take(signed)
    assert SqlCertificates(below.store).latest_crl(CaName.USER_ROOT).number == 1
    below.keeper.create("user-issuing-2")
    with pytest.raises(InvalidInputError, match="not the key of the request user-issuing-2"):
        below.take(signed)
    path.with_suffix(".away").replace(path)
    assert below.take(signed).begun


def test_an_id_that_another_key_has_already(below):
    below.ask()
    stale = requests.sign("Acme", USER, below.keeper.create("stale").signer)
    below.take(below.signed("user-issuing-2"))
    path = requests.path(below.directory, "user-issuing-2")
    path.write_bytes(stale.public_bytes(Encoding.PEM))
    with pytest.raises(SubordinateError, match="there is a user-issuing-2 already"):
        below.take(below.signed("user-issuing-2"))


def test_a_root_of_our_own_is_no_companys(below):
    with below.store.read() as connection:
        root = stored.read(connection).get("user-root")
    assert succession.is_below_a_company(below.directory, below.keeper, root)
    below.keeper.create("user-root")
    assert not succession.is_below_a_company(below.directory, below.keeper, root)
