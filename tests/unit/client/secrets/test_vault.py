import dataclasses
import json
from pathlib import Path

import pytest
import trustme

from pgward.client.secrets.provider import SecretAwayError, SecretError
from pgward.client.secrets.reference import SecretRef
from pgward.client.secrets.vault import VaultSecrets, VaultSettings
from pgward.core.errors import InvalidInputError
from tests.fixtures.vault import TOKEN, Vault, serve

CANARY = "canary-Zx81"
DB = SecretRef("vault", "apps/orders", "password", "secret")


@pytest.fixture
def ask(vault: Vault):
    """Ask for a secret as an edge that was begun with this environment."""
    opened = []

    def get(reference=DB, **environment):
        settings = VaultSettings.read(vault.environment(**environment))
        opened.append(VaultSecrets(settings))
        return opened[-1].get(reference)

    yield get
    for each in opened:
        each.close()


def refusal(ask, kind, *arguments, **environment):
    with pytest.raises(kind) as caught:
        ask(*arguments, **environment)
    assert TOKEN not in f"{caught.value}{caught.value.hint}"
    assert CANARY not in f"{caught.value}{caught.value.hint}"
    return caught.value


def test_a_field_of_the_newest_version_is_read(vault, ask):
    vault.put("apps/orders", password=CANARY, user="app")
    assert ask() == CANARY.encode()
    ((path, headers),) = vault.requests
    assert path == "/v1/secret/data/apps/orders"
    assert (headers["x-vault-token"], headers["x-vault-request"]) == (TOKEN, "true")
    assert "x-vault-namespace" not in headers


def test_mounts_fields_and_namespaces_are_as_the_reference_and_the_edge_say(vault, ask):
    vault.put("db", mount="team/kv", namespace="eu/prod", key=CANARY)
    reference = SecretRef("vault", "db", "key", "team/kv")
    assert ask(reference, VAULT_NAMESPACE="eu/prod/") == CANARY.encode()
    assert vault.requests[-1][1]["x-vault-namespace"] == "eu/prod"
    assert "no handler for route" in refusal(ask, SecretError, reference).hint


def test_what_the_reference_leaves_out_is_usual(vault, ask):
    vault.put("db", password=CANARY)
    assert ask(SecretRef("vault", "db")) == CANARY.encode()


def test_a_token_that_was_renewed_is_used_at_once(vault):
    vault.put("apps/orders", password=CANARY)
    opened = VaultSecrets(VaultSettings.read(vault.environment()))
    assert opened.get(DB) == CANARY.encode()
    vault.tokens = {"hvs.next"}
    with pytest.raises(SecretError, match=r"permission denied \* invalid token$"):
        opened.get(DB)
    vault.token_file.write_text("hvs.next")
    assert opened.get(DB) == CANARY.encode()
    opened.close()


def test_what_is_not_there_is_told_by_its_place(vault, ask):
    error = refusal(ask, SecretError)
    assert error.message == "there is no secret/apps/orders in Vault"
    assert error.hint == "is the mount of version 2?"
    vault.put("apps/orders", password=CANARY)
    vault.deleted.add("apps/orders")
    assert refusal(ask, SecretError).hint == "its newest version was deleted"
    vault.deleted.clear()
    error = refusal(ask, SecretError, dataclasses.replace(DB, field="pass"))
    assert error.message == "secret/apps/orders in Vault has no field pass"
    assert error.hint == "it has password"


def test_what_the_token_may_not_read_says_which_right_is_missing(vault, ask):
    vault.denied.add("apps/orders")
    error = refusal(ask, SecretError)
    assert error.message == (
        "Vault does not let us read secret/apps/orders in Vault:"
        " 1 error occurred: * permission denied"
    )
    assert "capability read on secret/apps/orders," in error.hint


@pytest.mark.parametrize("value", [7, True, ["x"], {"a": "b"}])
def test_only_texts_are_secrets(vault, ask, value):
    vault.put("apps/orders", password=value)
    expected = "the field password of secret/apps/orders in Vault is not a text"
    assert refusal(ask, SecretError).message == expected


def test_a_text_may_have_any_letters_but_not_none(vault, ask):
    vault.put("apps/orders", password="Größe \\ ' \"\n")
    assert ask() == "Größe \\ ' \"".encode()
    vault.put("apps/orders", password="")
    assert refusal(ask, SecretError).message.endswith("is empty")
    vault.put("apps/orders", password="x" * 20_000)
    assert refusal(ask, SecretError).message.endswith("is longer than 16384 bytes")


def test_a_sealed_vault_is_away(vault, ask):
    vault.sealed = True
    assert refusal(ask, SecretAwayError).message == (
        "Vault does not tell secret/apps/orders in Vault now (503): Vault is sealed"
    )


@pytest.mark.parametrize("status", [412, 429, 472, 473, 500, 502, 503])
def test_what_may_pass_is_away(vault, ask, status):
    vault.instead = (status, {"Retry-After": "1"}, b'{"errors": ["rate limit quota exceeded"]}')
    error = refusal(ask, SecretAwayError)
    assert error.message.endswith(f"now ({status}): rate limit quota exceeded")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors": 3}', b'{"errors": [{}]}'])
def test_a_balancers_own_page_is_no_answer(vault, ask, body):
    vault.instead = (502, {}, body)
    refusal(ask, SecretAwayError)
    vault.instead = (400, {}, body)
    refusal(ask, SecretError)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"data": []}', b'{"data": {"data": "x"}}', b"[" * 10_000]
)
def test_what_is_not_kv_version_2_is_told(vault, ask, body):
    vault.instead = (200, {}, body)
    assert "no answer of Vault's KV version 2" in refusal(ask, SecretAwayError).message


def test_an_answer_has_bounds(vault, ask):
    vault.instead = (200, {}, json.dumps({"data": "x" * 1_100_000}).encode())
    assert refusal(ask, SecretAwayError).message == "Vault sent more than 1048576 bytes"


def test_a_standby_leads_to_the_active_one_once(vault, ask, vault_authority):
    active = Vault(vault.ca_file, vault.token_file)
    active.put("apps/orders", password=CANARY)
    server = serve(active, vault_authority)
    path = "/v1/secret/data/apps/orders"
    vault.instead = (307, {"Location": active.url + path}, b"")
    assert ask() == CANARY.encode()
    active.instead = (307, {"Location": vault.url + path}, b"")
    assert refusal(ask, SecretError).message.endswith("(307): no reason")
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("target", ["http://localhost:1/", "HTTP://localhost/", "ftp://x/"])
def test_the_token_goes_nowhere_but_over_tls(vault, ask, target):
    vault.instead = (307, {"Location": target}, b"")
    refusal(ask, SecretAwayError)
    assert len(vault.requests) == 1


def test_a_stranger_gets_no_token(vault, ask, tmp_path):
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    error = refusal(ask, SecretAwayError, VAULT_CACERT=str(other))
    assert "certificate verify failed" in error.message
    address = vault.url.replace("localhost", "127.0.0.1")
    assert "cannot be asked" in refusal(ask, SecretAwayError, VAULT_ADDR=address).message
    assert vault.requests == []


def test_nobody_there_is_away(ask):
    error = refusal(ask, SecretAwayError, VAULT_ADDR="https://localhost:1")
    assert error.message.startswith("secret/apps/orders in Vault cannot be asked for: ")


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        ("", 0o600, "holds no token of Vault"),
        ("two words", 0o600, "holds no token of Vault"),
        ("ö", 0o600, "holds no token of Vault"),
        (TOKEN, 0o644, "everyone on this machine may read or change"),
        (None, 0, "there is no Vault token file"),
    ],
)
def test_a_token_file_that_cannot_be_used_is_told(vault, ask, content, mode, message):
    if content is None:
        vault.token_file.unlink()
    else:
        vault.token_file.write_text(content)
        vault.token_file.chmod(mode)
    assert message in refusal(ask, SecretAwayError).message
    assert vault.requests == []


def test_settings_come_from_the_environment():
    assert VaultSettings.read({}) is None
    found = VaultSettings.read({"VAULT_ADDR": "https://v:8200/", "VAULT_TOKEN_FILE": "/t"})
    assert found == VaultSettings("https://v:8200", Path("/t"))


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"VAULT_ADDR": "http://v:8200"}, "VAULT_ADDR is not an https:// address"),
        ({"VAULT_ADDR": "https://u:p@v"}, "VAULT_ADDR is not an https:// address"),
        ({"VAULT_ADDR": "vault"}, "VAULT_ADDR is not an https:// address"),
        ({"VAULT_ADDR": "https://v"}, "VAULT_ADDR is set, and VAULT_TOKEN_FILE is not"),
    ],
)
def test_wrong_settings_are_told_at_the_start(environment, message):
    with pytest.raises(InvalidInputError, match=message):
        VaultSettings.read(environment)


def test_a_file_of_roots_that_is_none_is_told_at_the_start(vault, tmp_path):
    for path in (tmp_path / "none", vault.token_file):
        settings = VaultSettings.read(vault.environment(VAULT_CACERT=str(path)))
        with pytest.raises(InvalidInputError, match="is no file of certificates"):
            VaultSecrets(settings)
