"""A CA whose keys are elsewhere: in a token, behind a helper program, or offline."""

import os
import shutil
import sys
from pathlib import Path

import psutil
import pytest

from pgward.pki import key_types, pem
from pgward.pki.key_types import KeyType
from tests.fixtures.ca_process import pgward
from tests.fixtures.many_cas import (
    created,
    crls_of,
    login_chain,
    secret,
    serve_refused,
    strictly_valid,
)
from tests.fixtures.softhsm import PIN

pytestmark = pytest.mark.integration
EXAMPLE = Path(__file__).parents[2] / "examples" / "pgward-signer.py"


@pytest.fixture
def token(softhsm, tmp_path):
    """A directory whose keys are in a token, and how its commands see that."""
    label = softhsm.new_token()
    pin = secret(tmp_path, PIN, "pin")
    options = {"env": {**os.environ, **softhsm.environment}}
    place = f"pkcs11:token={label.replace(' ', '%20')}"
    arguments = ("--keys-in", place, "--pkcs11-module", softhsm.module, "--pin-file", pin)
    return label, arguments, options


@pytest.mark.soak
def test_all_keys_in_a_token(softhsm, token, tmp_path, serve, openssl):
    label, arguments, options = token
    directory = tmp_path / "ca"
    told = created(directory, *arguments, **options)
    assert told["passphrase_file"] is None
    assert [path.name for path in (directory / "keys").iterdir()] == ["seal.key"]  # no CA's key
    site = serve(directory, **options)
    person = site.person()
    root = pem.split((directory / "certs/user-root.crt").read_bytes())[0]
    crls = crls_of(directory, "user-root", "user-issuing")
    assert strictly_valid(openssl, login_chain(person), root, crls).endswith("leaf: OK\n")

    away = softhsm.remove(label)
    refused = site.person(logged_in=False).log_in_by_command()
    assert refused.returncode == 1
    assert f"the token {label} is not there" in site.ca.messages() + refused.stderr
    softhsm.insert(away)
    back = site.person(logged_in=False)
    for _ in range(40):  # it looks again once a second, and CRLs take turns
        if back.log_in_by_command().returncode == 0:
            break
    else:
        pytest.fail(site.ca.messages())

    site.ca.stop()
    wrong = secret(tmp_path, "999999", "wrong")
    code, said = serve_refused(directory, "--pin-file", wrong, **options)
    assert (code, f"the token {label} refuses the PIN" in said) == (2, True)
    assert "999999" not in said
    softhsm.lock_pin(label)
    code, said = serve_refused(directory, **options)
    assert (code, f"the token {label} has locked its PIN" in said) == (2, True)


@pytest.mark.soak
def test_a_helper_program_signs(tmp_path, serve):
    options = {"env": {**os.environ, "PGWARD_SIGNER_KEYS": str(tmp_path / "signer")}}
    helper = Path(shutil.copy(EXAMPLE, tmp_path / "helper"))
    created(tmp_path / "ca", "--keys-in", f"exec:{helper}", **options)
    site = serve(tmp_path / "ca", **options)
    person = site.person()
    assert login_chain(person)[0].subject.rfc4514_string() == f"CN={person.name}"
    children = psutil.Process(site.ca.process.pid).children(recursive=True)
    assert any(str(helper) in " ".join(each.cmdline()) for each in children)
    site.ca.stop()
    assert psutil.wait_procs(children, 10)[1] == []
    helper.write_text(f"#!{sys.executable}\nprint('garbage')\n")
    code, said = serve_refused(tmp_path / "ca", **options)
    assert (code, "something that is not pgward-signer/1" in said) == (1, True)


@pytest.mark.soak
@pytest.mark.parametrize("key_type", ["ed25519", "p384", "rsa3072", "rsa4096"])
def test_cas_of_other_types_of_key(tmp_path, serve, key_type, openssl):
    directory = tmp_path / "ca"
    created(directory, "--key-type", key_type)
    site = serve(directory)
    chain = login_chain(site.person())
    assert key_types.of(chain[1].public_key()) is KeyType(key_type)
    root = pem.split((directory / "certs/user-root.crt").read_bytes())[0]
    crls = crls_of(directory, "user-root", "user-issuing")
    assert strictly_valid(openssl, chain, root, crls).endswith("leaf: OK\n")


@pytest.mark.soak
def test_roots_offline_and_a_damaged_key_file(tmp_path, serve):
    directory, word = tmp_path / "ca", secret(tmp_path, "battery staple")
    out = ("--root-key-out", tmp_path / "out", "--root-passphrase-file", word)
    seal = created(directory, *out)["transcript_sha256"]
    verify = ("ca", "ceremony", "verify", directory / "ceremony.txt", "--sha256", seal)
    done = pgward(*verify, "--root-keys", tmp_path / "out", "--root-passphrase-file", word)
    assert (done.returncode, "wrong" in done.stdout) == (0, False), done.stderr
    key = directory / "keys" / "user-issuing.key"
    whole = key.read_bytes()
    key.write_bytes(whole[:200])
    code, said = serve_refused(directory)
    assert (code, f"{key}: the key file is damaged" in said) == (2, True)
    assert "restore the file from a backup" in said
    key.write_bytes(whole)
    assert serve(directory).person()
