import os
from base64 import b64encode

import pytest

from pgward.client.secrets.places import CaSecrets, EnvironmentSecrets, FileSecrets
from pgward.client.secrets.provider import SecretAwayError, SecretError
from pgward.client.secrets.reference import SecretRef
from pgward.core.errors import (
    DeniedError,
    NotFoundError,
    PgwardError,
    TooManyRequestsError,
    UnavailableError,
)

CANARY = "canary-Zx81"


class Ca:
    """Gives one answer, or raises it."""

    def __init__(self, answer):
        self.answer = answer

    def call(self, _method, _path, _fields):
        if isinstance(self.answer, PgwardError):
            raise self.answer
        return self.answer


def test_the_authority_is_asked_by_name():
    ca = Ca({"value": b64encode(CANARY.encode()).decode(), "version": 1})
    assert CaSecrets(ca).get(SecretRef("secret", "db")) == CANARY.encode()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DeniedError("no"), SecretError),
        (NotFoundError("no"), SecretError),
        (UnavailableError("no"), SecretAwayError),
        (TooManyRequestsError("no"), SecretAwayError),
    ],
)
def test_the_authoritys_no_is_told(error, kind):
    with pytest.raises(kind, match=r"^the CA does not tell the secret db( now)?: no$"):
        CaSecrets(Ca(error)).get(SecretRef("secret", "db"))


def test_a_file_is_read_anew_each_time(tmp_path):
    path = tmp_path / "password"
    for text in (CANARY, "next"):
        path.write_text(f"{text}\n")
        path.chmod(0o600)
        assert FileSecrets().get(SecretRef("file", str(path))) == text.encode()


@pytest.mark.parametrize("mode", [0o604, 0o606, 0o644, 0o602])
def test_a_file_that_everyone_may_read_or_change_is_refused(tmp_path, mode):
    path = tmp_path / "password"
    path.write_text(CANARY)
    path.chmod(mode)
    with pytest.raises(SecretError, match="everyone on this machine") as caught:
        FileSecrets().get(SecretRef("file", str(path)))
    assert caught.value.hint == f"chmod 600 {path}"


def test_nothing_of_the_edges_own_is_a_secret_for_a_database(tmp_path):
    own, elsewhere = tmp_path / "edge", tmp_path / "elsewhere"
    own.mkdir()
    (own / "key.pem").write_text(CANARY)
    (own / "key.pem").chmod(0o600)
    elsewhere.symlink_to(own)
    secrets = FileSecrets([own])
    for path in (
        own / "key.pem",
        own / "tape" / ".." / "key.pem",
        elsewhere / "key.pem",
        "/proc/self/environ",
        "/dev/fd/0",
    ):
        with pytest.raises(SecretError, match="is no place for secrets") as caught:
            secrets.get(SecretRef("file", str(path)))
        assert CANARY not in str(caught.value)
    beside = tmp_path / "edge-passwords"
    beside.write_text(CANARY)
    beside.chmod(0o600)
    assert secrets.get(SecretRef("file", str(beside))) == CANARY.encode()


def test_files_that_are_none_are_told(tmp_path):
    empty = tmp_path / "empty"
    empty.touch(mode=0o600)
    huge = tmp_path / "huge"
    huge.write_bytes(b"x" * 20_000)
    huge.chmod(0o600)
    for path, message in (
        (tmp_path / "none", "there is no secret file"),
        (tmp_path, "cannot be read: is a directory"),
        (empty, "is empty"),
        (huge, "is longer than 16384 bytes"),
    ):
        with pytest.raises(SecretError, match=message):
            FileSecrets().get(SecretRef("file", str(path)))


def test_the_environment_gives_only_what_is_meant_for_it():
    provider = EnvironmentSecrets({"PGWARD_UPSTREAM_DB": f"{CANARY}\n", "AWS_SECRET": "x"})
    assert provider.get(SecretRef("env", "PGWARD_UPSTREAM_DB")) == CANARY.encode()
    with pytest.raises(SecretError, match="AWS_SECRET does not begin with PGWARD_UPSTREAM_"):
        provider.get(SecretRef("env", "AWS_SECRET"))
    with pytest.raises(SecretError, match="the edge has no variable PGWARD_UPSTREAM_NONE"):
        provider.get(SecretRef("env", "PGWARD_UPSTREAM_NONE"))


def test_the_environment_may_hold_any_bytes(monkeypatch):
    monkeypatch.setitem(os.environb, b"PGWARD_UPSTREAM_DB", b"\xff\xfe")
    provider = EnvironmentSecrets(os.environ)
    assert provider.get(SecretRef("env", "PGWARD_UPSTREAM_DB")) == b"\xff\xfe"


def test_the_authority_is_told_which_one_was_refused():
    asked = []

    class Telling:
        def call(self, _method, _path, fields):
            asked.append(fields)
            value = b64encode(b"of version %d" % len(asked)).decode()
            return {"value": value, "version": len(asked)}

    secrets = CaSecrets(Telling())
    reference = SecretRef("secret", "db")
    assert secrets.get(reference, refused=True) == b"of version 1"
    assert secrets.get(reference) == b"of version 2"
    assert secrets.get(reference, refused=True) == b"of version 3"
    assert asked == [{}, {}, {"refused": 2}]
