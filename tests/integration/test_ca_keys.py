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
    init,
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


def test_all_keys_in_a_token(softhsm, token, tmp_path, serve, openssl):
    label, arguments, options = token
    directory = tmp_path / "ca"
    told = created(directory, *arguments, **options)
    assert told["passphrase_file"] is None
    assert not (directory / "keys").exists(), "a key is in a file"
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


def test_a_pin_that_is_wrong_or_locked_ends_serve_at_once(softhsm, token, tmp_path):
    label, arguments, options = token
    directory = tmp_path / "ca"
    created(directory, *arguments, **options)
    wrong = secret(tmp_path, "999999", "wrong")
    code, said = serve_refused(directory, "--pin-file", wrong, **options)
    assert (code, f"the token {label} refuses the PIN" in said) == (2, True)
    assert "999999" not in said
    softhsm.lock_pin(label)
    code, said = serve_refused(directory, **options)
    assert (code, f"the token {label} has locked its PIN" in said) == (2, True)


def test_an_init_that_fails_halfway_leaves_nothing_in_the_token(softhsm, token, tmp_path):
    label, arguments, options = token
    softhsm.make_key(label, "server-root", "01")
    done = init(tmp_path / "ca", *arguments, **options)
    assert done.returncode == 1
    assert f"the token {label} has a key called server-root already" in done.stderr
    assert not (tmp_path / "ca").exists()
    done = init(tmp_path / "ca", *arguments, **options)  # the first ones were taken back
    assert "has a key called server-root already" in done.stderr


def test_a_helper_program_signs(tmp_path, serve):
    options = {"env": {**os.environ, "PGWARD_SIGNER_KEYS": str(tmp_path / "signer")}}
    created(tmp_path / "ca", "--keys-in", f"exec:{EXAMPLE}", **options)
    site = serve(tmp_path / "ca", **options)
    person = site.person()
    assert login_chain(person)[0].subject.rfc4514_string() == f"CN={person.name}"
    children = psutil.Process(site.ca.process.pid).children(recursive=True)
    assert any(EXAMPLE.name in " ".join(each.cmdline()) for each in children)
    site.ca.stop()
    assert psutil.wait_procs(children, 10)[1] == []


def test_a_helper_that_is_gone_is_told(tmp_path):
    options = {"env": {**os.environ, "PGWARD_SIGNER_KEYS": str(tmp_path / "signer")}}
    helper = shutil.copy(EXAMPLE, tmp_path / "helper")
    created(tmp_path / "ca", "--keys-in", f"exec:{helper}", **options)
    Path(helper).write_text(f"#!{sys.executable}\nprint('garbage')\n")
    code, said = serve_refused(tmp_path / "ca", **options)
    assert (code, "something that is not pgward-signer/1" in said) == (1, True)
    Path(helper).unlink()
    code, said = serve_refused(tmp_path / "ca", **options)
    assert (code, "cannot be started: no such file or directory" in said) == (1, True)


@pytest.mark.parametrize(
    "key_type",
    ["ed25519", *(pytest.param(each, marks=pytest.mark.soak) for each in ("p384", "rsa3072"))],
)
def test_cas_of_other_types_of_key(tmp_path, serve, key_type, openssl):
    directory = tmp_path / "ca"
    created(directory, "--key-type", key_type)
    site = serve(directory)
    chain = login_chain(site.person())
    assert key_types.of(chain[1].public_key()) is KeyType(key_type)
    root = pem.split((directory / "certs/user-root.crt").read_bytes())[0]
    crls = crls_of(directory, "user-root", "user-issuing")
    assert strictly_valid(openssl, chain, root, crls).endswith("leaf: OK\n")


def test_roots_offline_and_a_damaged_key_file(tmp_path, serve):
    directory, word = tmp_path / "ca", secret(tmp_path, "battery staple")
    out = ("--root-key-out", tmp_path / "out", "--root-passphrase-file", word)
    seal = created(directory, *out)["transcript_sha256"]
    verify = ("ca", "ceremony", "verify", directory / "ceremony.txt", "--sha256", seal)
    done = pgward(*verify, "--root-keys", tmp_path / "out", "--root-passphrase-file", word)
    assert (done.returncode, "wrong" in done.stdout) == (0, False), done.stderr
    key = directory / "keys" / "user-issuing.key"
    whole = key.read_bytes()
    for damaged in (whole[:200], b"", b"junk" + whole):
        key.write_bytes(damaged)
        code, said = serve_refused(directory)
        assert (code, f"{key}: the key file is damaged" in said) == (2, True)
        assert "restore the file from a backup" in said
    done = pgward(*verify)
    assert (done.returncode, "1 of" in done.stderr) == (1, True)
    key.write_bytes(whole)
    other = secret(tmp_path, "another passphrase", "other")
    code, said = serve_refused(directory, "--passphrase-file", other)
    assert (code, "the passphrase may be wrong" in said) == (2, True)
    assert serve(directory).person()


def test_a_directory_of_roots_that_is_there_is_not_touched(tmp_path):
    word = secret(tmp_path, "battery staple")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "user-root.key").write_text("precious")
    out = ("--root-key-out", tmp_path / "out", "--root-passphrase-file", word)
    done = init(tmp_path / "ca", *out)
    assert (done.returncode, "is there already" in done.stderr) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "secret"]
    assert (tmp_path / "out" / "user-root.key").read_text() == "precious"
