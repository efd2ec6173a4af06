import shutil

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca.ceremony import check as ceremony_check
from pgward.ca.ceremony import init as creating
from pgward.ca.ceremony import transcript as ceremony
from pgward.ca.ceremony.check import Outcome, Places
from pgward.ca.ceremony.init import Plan
from pgward.ca.ceremony.init_keys import Offline
from pgward.ca.keys import key_file
from pgward.ca.settings import Settings
from pgward.pki import keys, pkcs8
from tests.fixtures.authority import MovableClock

SECRET = b"of the roots"


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Directories of a CA with offline roots, and of a subordinate one."""
    top = tmp_path_factory.mktemp("ceremony")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pkcs8, "ROUNDS", 1)
        for name, options in (
            ("ca", {"offline": Offline(top / "roots", SECRET)}),
            ("sub", {"subordinate": True}),
        ):
            plan = Plan(Settings(), "admin", "correct horse battery", b"passphrase", **options)
            creating.create_ca(top / name, plan, MovableClock())
    return top


@pytest.fixture
def top(originals, tmp_path):
    return shutil.copytree(originals, tmp_path / "copy")


@pytest.fixture
def check(top):
    def do(name="ca", roots=True, secret=SECRET, directory=None):
        transcript = ceremony.read((top / name / "ceremony.txt").read_bytes())
        places = Places(
            directory or top / name, top / "roots" if roots else None, secret if roots else None
        )
        return ceremony_check.check(transcript, places)

    return do


def told(findings, outcome=Outcome.WRONG):
    return [each.text for each in findings if each.outcome is outcome]


def test_what_was_made_is_as_it_was_written_down(check):
    findings = check()
    assert {each.outcome for each in findings} == {Outcome.OK}
    assert len(findings) == 26


def test_without_the_roots_keys_what_was_not_seen_is_noted(check):
    findings = check(roots=False)
    assert told(findings) == []
    assert told(findings, Outcome.NOTE)[-1] == "the key of server-root was not opened"


def test_another_ca_is_found(check, originals, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(originals / "ca", other)
    shutil.copy(other / "certs/user-root.crt", other / "certs/server-root.crt")
    assert told(check(directory=other)) == [
        "not so: server-root in the directory is the same",
        "not so: ca/certs/server-root.crt is the same",
    ]


def test_a_root_key_that_came_back_is_found(check, top):
    shutil.copy(top / "roots/user-root.key", top / "ca/keys")
    expected = "not so: the key of user-root is not in the CA's directory"
    assert told(check()) == [expected]


def test_a_key_that_was_exchanged_is_found(check, top):
    key_file.write(top / "roots/user-root.key", keys.generate(), SECRET, rounds=1)
    assert told(check()) == [
        "not so: offline/user-root.key is the same",
        "not so: the key of user-root is that of its certificate",
    ]


def test_a_wrong_passphrase_is_told(check):
    assert all("the private key cannot be read" in each for each in told(check(secret=b"wrong")))


def test_changed_settings_are_only_noted(check, top):
    with (top / "ca/pgward.toml").open("a") as file:
        file.write("# changed\n")
    assert told(check(), Outcome.NOTE) == ["ca/pgward.toml: changed since, as settings may be"]


def test_a_lost_key_is_told(check, top):
    (top / "ca/keys/user-issuing.key").unlink()
    assert told(check()) == ["ca/keys/user-issuing.key: not there any more"]


def test_a_subordinate_waits_and_then_has_the_key_that_asked(check, top, company):
    findings = check("sub", roots=False)
    assert told(findings) == []
    assert "has not signed this CA yet" in told(findings, Outcome.NOTE)[0]
    request = ceremony.read((top / "sub/ceremony.txt").read_bytes()).entries[0].document
    path = top / "sub/certs/user-issuing.crt"
    path.write_bytes(company.sign(request).public_bytes(Encoding.PEM))
    assert "user-issuing was certified for the key that asked" in told(
        check("sub", roots=False), Outcome.OK
    )
    path.write_bytes(company.root.public_bytes(Encoding.PEM))
    wrong = "not so: user-issuing was certified for the key that asked"
    assert told(check("sub", roots=False)) == [wrong]
