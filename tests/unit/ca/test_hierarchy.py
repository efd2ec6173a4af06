import stat
from datetime import timedelta

import pytest

from pgward.ca import hierarchy
from pgward.ca.keys.signer import KeySigner
from pgward.ca.records import CaName
from pgward.ca.revoking import crl_maker
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.pki import key_types, pem
from pgward.pki.errors import BadKeyError
from pgward.pki.key_types import KeyType
from tests.fixtures.authority import keeper_of, write_keys
from tests.fixtures.pkilint import lint_certificate, lint_crl

SECRET = b"correct horse"


@pytest.fixture
def directory(tmp_path, new_user_hierarchy, new_server_hierarchy):
    made = [
        ca for new in (new_user_hierarchy, new_server_hierarchy) for ca in (new.root, new.issuing)
    ]
    hierarchy.write(tmp_path, made)
    write_keys(tmp_path, made, SECRET)
    return tmp_path


def test_files_and_modes(directory):
    keys = sorted(path.name for path in (directory / "keys").iterdir())
    assert keys == sorted(f"{name}.key" for name in CaName)
    assert stat.S_IMODE((directory / "keys").stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (directory / "keys").iterdir()}
    assert modes == {0o600}
    for path in (directory / "keys").iterdir():
        assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")


def test_what_was_written_is_loaded(directory, hierarchies):
    loaded = hierarchy.load(directory, keeper_of(directory, SECRET))
    assert loaded.user.root == hierarchies.user.root
    assert loaded.server.issuing.certificate == hierarchies.server.issuing.certificate


def test_the_roots_keys_are_not_needed(directory):
    for name in (CaName.USER_ROOT, CaName.SERVER_ROOT):
        (directory / "keys" / f"{name}.key").unlink()
    assert (
        hierarchy.load(directory, keeper_of(directory, SECRET)).user.issuing.name
        is CaName.USER_ISSUING
    )


def test_openssl_reads_a_key_with_the_passphrase(directory, openssl):
    path = directory / "keys" / "user-issuing.key"
    secret = openssl.write("secret", SECRET)
    out = openssl.run("pkey", "-in", path, "-passin", f"file:{secret}", "-noout", "-check")
    assert "Key is valid" in out


def test_a_wrong_passphrase_is_told(directory):
    with pytest.raises(BadKeyError, match=r"user-issuing\.key: the private key cannot be read"):
        hierarchy.load(directory, keeper_of(directory, b"battery staple"))


def test_a_missing_file_is_named(directory):
    (directory / "certs" / "server-root.crt").unlink()
    with pytest.raises(NotFoundError, match=r"certs/server-root\.crt"):
        hierarchy.load(directory, keeper_of(directory, SECRET))


def test_a_broken_certificate_is_named(directory):
    (directory / "certs" / "server-root.crt").write_bytes(b"junk")
    with pytest.raises(InvalidInputError, match=r"certs/server-root\.crt: no certificates"):
        hierarchy.load(directory, keeper_of(directory, SECRET))


def test_a_key_of_another_certificate_is_found(directory):
    keys = directory / "keys"
    (keys / "server-issuing.key").rename(keys / "user-issuing.key")
    with pytest.raises(InvalidInputError, match="not the key of the certificate user-issuing"):
        hierarchy.load(directory, keeper_of(directory, SECRET))


def test_an_issuing_ca_of_another_root_is_found(directory, new_server_hierarchy):
    path = directory / "certs" / "user-root.crt"
    path.write_bytes(pem.join([new_server_hierarchy.root.certificate]))
    with pytest.raises(InvalidInputError, match="not issued by user-root"):
        hierarchy.load(directory, keeper_of(directory, SECRET))


def test_names_tell_owner_role_and_key(new_user_hierarchy):
    root = new_user_hierarchy.root.certificate
    name = root.subject.rfc4514_string()
    assert name.startswith("CN=user root CA ")
    assert name.endswith(",O=Acme")


def test_two_cas_of_one_name_do_not_share_a_subject(new_user_hierarchy, clock):
    other = hierarchy.create("Acme", CaName.USER_ROOT, CaName.USER_ISSUING, clock.now())
    assert other.root.certificate.subject != new_user_hierarchy.root.certificate.subject


def test_lifetimes(new_user_hierarchy):
    root, issuing = new_user_hierarchy.root.certificate, new_user_hierarchy.issuing.certificate
    years = [(c.not_valid_after_utc - c.not_valid_before_utc).days // 365 for c in (root, issuing)]
    assert years == [15, 5]


@pytest.mark.parametrize("key_type", [KeyType.P384, KeyType.ED25519, KeyType.RSA3072])
def test_openssl_and_pkilint_accept_cas_of_other_types_of_key(openssl, clock, key_type):
    def make(_):
        return key_types.generate(key_type)

    made = hierarchy.create("A", CaName.USER_ROOT, CaName.USER_ISSUING, clock.now(), make)
    root, issuing = (each.certificate for each in (made.root, made.issuing))
    paths = [openssl.write(f"{at}", pem.join([each])) for at, each in enumerate((root, issuing))]
    moment = int(clock.now().timestamp())
    said = openssl.run("verify", "-x509_strict", "-attime", moment, "-CAfile", paths[0], paths[1])
    assert said.endswith("1: OK\n"), said
    signer, later = KeySigner(made.root.key), clock.now() + timedelta(days=1)
    crl = crl_maker.sign("user-root", root, signer, now=clock.now(), next_update=later, number=1)
    assert lint_certificate(root) == lint_certificate(issuing) == lint_crl(crl.der) == []
