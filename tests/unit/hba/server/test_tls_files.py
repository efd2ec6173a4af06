import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgward.hba.check.certificates import public_key
from pgward.hba.check.material import (
    CA,
    CERTIFICATE,
    KEY,
    LISTS,
    LISTS_DIRECTORY,
    Material,
    Owner,
    TlsFile,
    hashed,
)
from pgward.hba.server import tls_files
from pgward.pki import keys
from pgward.system.postgres import Account
from tests.fixtures.material import SmallCa

NOW = datetime.now(UTC)
OURS = Account("", os.geteuid(), os.getegid())
NOBODY = Account("nobody", 65534, 65534)
VALUES = {CA: "ca.crt", LISTS: "ca.crl"}


@pytest.fixture
def directory(tmp_path: Path, small_ca: SmallCa) -> Path:
    made = small_ca.current()
    files = {"server.crt": made.certificate, "server.key": made.key, "ca.crt": made.user_ca}
    for name, data in {**files, "ca.crl": made.crls}.items():
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o600)
    return tmp_path


def read(directory: Path, values=VALUES, account=OURS, version=16) -> Material:
    return tls_files.read(directory, account, values, version, NOW)


def of(setting: str, directory: Path, values=VALUES, account=OURS) -> TlsFile:
    found = read(directory, values, account).of(setting)
    assert found is not None
    return found


def test_everything_that_the_settings_name(directory, small_ca) -> None:
    found = read(directory)
    assert [each.setting for each in found.files] == [CERTIFICATE, KEY, CA, LISTS]
    assert {each.problem for each in found.files} == {None}
    assert found.now == NOW
    assert [each.subject for each in of(CERTIFICATE, directory).certificates] == [
        "CN=localhost",
        "CN=server issuing",
    ]
    assert of(KEY, directory).public_key == public_key(small_ca.server_key)
    assert found.cas[0].is_root
    assert [each.issuer for each in of(LISTS, directory).lists] == [
        "CN=user root",
        "CN=user issuing",
    ]
    assert {each.owner for each in found.files} == {Owner.SERVER}


def test_defaults_and_names_from_the_root(directory) -> None:
    assert [each.setting for each in read(directory, {}).files] == [CERTIFICATE, KEY]
    assert of(CA, Path("/"), {CA: str(directory / "ca.crt")}).certificates


def test_what_is_not_there_or_something_else(directory) -> None:
    (directory / "ca.crl").unlink()
    (directory / "ca.crt").unlink()
    (directory / "ca.crt").mkdir()
    assert of(LISTS, directory).problem == f"there is no {directory}/ca.crl"
    assert not of(LISTS, directory).is_there
    assert of(CA, directory).problem == "it is no plain file"
    (directory / "ca.crl").write_text("nothing")
    (directory / "server.key").write_text("nothing")
    assert of(LISTS, directory).problem == "what it has is no CRL in PEM"
    assert of(KEY, directory).problem == "what it has is no private key in PEM"
    os.mkfifo(directory / "fifo")
    assert of(CERTIFICATE, directory, {CERTIFICATE: "fifo"}).problem == "it is no plain file"


def test_an_encrypted_key(directory, small_ca) -> None:
    (directory / "server.key").write_bytes(keys.to_pem(small_ca.server_key, b"secret"))
    found = of(KEY, directory)
    assert (found.encrypted, found.public_key, found.problem) == (True, None, None)


def test_modes(directory) -> None:
    (directory / "server.key").chmod(0o644)
    (directory / "ca.crt").chmod(0o666)
    assert of(KEY, directory).mode == 0o644
    assert of(CA, directory).exposed == (str(directory / "ca.crt"),)
    (directory / "below").mkdir(mode=0o755)
    (directory / "below").chmod(0o777)
    (directory / "ca.crl").rename(directory / "below" / "ca.crl")
    below = {LISTS: "below/ca.crl"}
    assert of(LISTS, directory, below).exposed == (str(directory / "below"),)
    (directory / "below").chmod(0o1777)  # only its owner may replace what is in it
    assert of(LISTS, directory, below).exposed == ()
    (directory / "link").symlink_to("below/ca.crl")
    (directory / "below").chmod(0o777)
    assert of(LISTS, directory, {LISTS: "link"}).exposed == (str(directory / "below"),)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_as_an_account_that_may_less(directory) -> None:
    directory.chmod(0o755)
    found = of(KEY, directory, account=NOBODY)
    assert found.problem is not None
    assert "permission denied" in found.problem


def test_a_directory_of_lists(directory) -> None:
    lists = directory / "lists"
    lists.mkdir()
    values = {**VALUES, LISTS_DIRECTORY: "lists"}
    (lists / "README").write_text("what this is")
    (lists / "a.crl").write_bytes((directory / "ca.crl").read_bytes())
    (entry,) = [each for each in of(LISTS_DIRECTORY, directory, values).entries if each.lists]
    assert [each.issuer for each in entry.lists] == ["CN=user root", "CN=user issuing"]
    assert read(directory, values, version=13).of(LISTS_DIRECTORY) is None
    (root, _) = entry.lists
    (lists / f"{hashed(root.issuer_id)}.r0").symlink_to("a.crl")
    assert len(list(read(directory, {LISTS_DIRECTORY: "lists"}).lists())) == 2
    assert (
        of(LISTS_DIRECTORY, directory, {LISTS_DIRECTORY: "ca.crl"}).problem == "it is no directory"
    )


def test_an_elliptic_key_as_openssl_writes_it(directory, small_ca) -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    plain = keys.to_pem(small_ca.server_key, None)
    (directory / "server.key").write_bytes(parameters + plain)
    assert of(KEY, directory).public_key == public_key(small_ca.server_key)
