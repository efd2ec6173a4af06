from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.hba.login.outcome import Encryption
from pgward.hba.login.shown import Shown
from pgward.hba.plan.model import Auth, Plan
from pgward.hba.prove import expecting
from pgward.hba.prove.expecting import NOTHING, Facts, Says
from pgward.hba.prove.paths import Path
from pgward.hba.prove.proofs import Proof, foreign
from pgward.hba.prove.trusting import Trust
from pgward.pki import keys
from tests.fixtures.material import CLIENT, SmallCa
from tests.unit.hba.prove.test_paths import LOOPBACK, SOCKET, loaded

NOW = datetime.now(UTC)
CERT = "hostssl all all all cert map=pgward\n"
MAP = r"pgward /^(.*)$ \1"


@pytest.fixture(scope="module")
def ca() -> SmallCa:
    return SmallCa()


@pytest.fixture(scope="module")
def valid(ca) -> Shown:
    key = keys.generate()
    return Shown((ca.users.issue("own", key, CLIENT), ca.users.issuing.certificate), key)


@pytest.fixture
def facts(ca) -> Facts:
    files = loaded(CERT, MAP)
    return Facts(
        files,
        expecting.of_plan(Plan(), files),
        Trust((ca.users.root.certificate,), None),
        tls=True,
        oldest="TLSv1.2",
        system_user="root",
        now=NOW,
    )


def path(encryption=Encryption.TLS, shown=None, kind=None, **more) -> Path:
    given = {"place": LOOPBACK, "what": "x", "role": "own", "called": "x", "database": "postgres"}
    return Path(**{**given, **more}, encryption=encryption, shown=shown, kind=kind)


def both(facts: Facts, path: Path) -> tuple[bool | None, bool | None]:
    found = expecting.expected(facts, path)
    return found.wanted.lets_in, found.files.lets_in


def test_as_the_plan_wants(facts, valid) -> None:
    assert both(facts, path(shown=valid, kind=Proof.VALID)) == (True, True)
    assert both(facts, path()) == (False, False)
    assert both(facts, path(Encryption.NONE)) == (False, False)
    assert both(facts, path(shown=valid, kind=Proof.VALID, role="other")) == (False, False)
    assert both(facts, path(shown=foreign(valid), kind=Proof.FOREIGN)) == (False, False)
    assert both(facts, path(Encryption.TLS_1_1, valid, Proof.VALID)) == (False, False)


@pytest.mark.parametrize("line", ["host all all all trust", "host all all 127.0.0.1/32 trust"])
def test_a_hole_is_in_the_files_and_not_wanted(facts, line) -> None:
    open_ = replace(facts, files=loaded(f"{line}\n{CERT}", MAP))
    assert both(open_, path(Encryption.NONE)) == (False, True)
    assert both(open_, path()) == (False, True)
    found = expecting.expected(open_, path())
    assert found.files.why == "/hba:1: let in"


def test_a_password_of_our_own_counts_where_we_answer(facts) -> None:
    for method, lets_in, plainly in (
        ("md5", True, False),
        ("scram-sha-256", True, False),
        ("password", True, True),
        ("ldap ldapserver=x ldapprefix=y", False, False),
    ):
        files = loaded(f"host all all all {method}")
        asked = replace(facts, files=files)
        found = expecting.expected(asked, path(Encryption.NONE, password=True))
        assert (found.files.lets_in, found.plainly) == (lets_in, plainly), method
        assert expecting.is_of_use(asked, path(password=False)) is lets_in
        relayed = path(password=True, relayed=True)
        assert expecting.is_of_use(asked, relayed) is (lets_in and not plainly)
        assert expecting.expected(asked, relayed).files.lets_in is False
        wrong = expecting.expected(asked, path(Encryption.NONE, password=False))
        assert wrong.files.lets_in is False


def test_without_a_plan_nothing_is_wanted(facts) -> None:
    found = expecting.expected(replace(facts, plan=None), path(kind=Proof.EXPIRED))
    assert found.wanted == NOTHING


def test_what_the_plan_does_not_speak_of(facts) -> None:
    assert expecting.expected(facts, path(database=None)).wanted == NOTHING
    local = path(Encryption.NONE, place=SOCKET)
    assert expecting.expected(facts, local).wanted == NOTHING
    files = loaded("local all all peer")
    as_me = replace(facts, files=files, system_user="own")
    assert expecting.expected(as_me, local).files.lets_in is True


def test_settings_that_decide_before_any_line(facts, valid) -> None:
    shown = path(shown=valid, kind=Proof.VALID)
    assert expecting.expected(replace(facts, tls=False), shown).files == Says(False, "ssl is off")
    unasked = replace(facts, trust=Trust(None, None))
    assert both(unasked, shown) == (True, False)
    old = path(Encryption.TLS_1_0, valid, Proof.VALID)
    assert expecting.expected(replace(facts, oldest="TLSv1"), old).files.lets_in is None
    later = expecting.with_now(facts, NOW + timedelta(days=90))
    assert expecting.expected(later, shown).files == Says(False, "it has expired")


def test_a_plan_of_version_11_cannot_forbid_old_tls(facts, valid) -> None:
    files = loaded("hostssl all all all scram-sha-256 clientcert=1", version=11)
    plan = expecting.of_plan(Plan(auth=Auth.SCRAM_AND_ANY_CERT), files)
    old = path(Encryption.TLS_1_0, valid, Proof.VALID)
    found = expecting.expected(replace(facts, files=files, plan=plan, oldest=""), old)
    assert found.wanted == NOTHING


def test_a_line_for_a_name(facts) -> None:
    files = loaded("host all all localhost trust\nhost all all all reject")
    known = replace(facts, files=files)
    assert both(known, path())[1] is False
    assert both(known, path(place=replace(LOOPBACK, name="localhost")))[1] is True


def test_pairs_of_a_role_map_are_wanted(facts, ca) -> None:
    plan = Plan(map_from_ca=True)
    files = loaded(CERT, "pgward ann app")
    key = keys.generate()
    ann = Shown((ca.users.issue("ann", key, CLIENT), ca.users.issuing.certificate), key)
    for pairs, wanted in (([("ann", "app")], True), ([], False)):
        known = replace(facts, files=files, plan=expecting.of_plan(plan, files, pairs))
        assert both(known, path(shown=ann, role="app")) == (wanted, True)
        assert both(known, path(shown=ann, role="own")) == (False, False)
