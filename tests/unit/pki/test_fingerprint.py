import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.errors import InvalidInputError
from pgward.pki import fingerprint, pem

HEX = "0123456789abcdef" * 4
CANONICAL = f"SHA256:{HEX}"


def test_openssl_prints_the_same(hierarchy):
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256"],
        input=pem.join([hierarchy.root.certificate]),
        capture_output=True,
        check=True,
    )
    printed = done.stdout.decode().partition("=")[2]
    assert fingerprint.parse(printed) == fingerprint.of(hierarchy.root.certificate)


@pytest.mark.parametrize(
    "text",
    [
        CANONICAL,
        HEX,
        CANONICAL.upper(),
        f"  sha256:{HEX}\n",
        "SHA256:" + ":".join(HEX[i : i + 2].upper() for i in range(0, 64, 2)),
    ],
)
def test_accepted_forms(text):
    assert fingerprint.parse(text) == CANONICAL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SHA256:",
        CANONICAL[:-1],
        f"{CANONICAL}0",
        f"MD5:{HEX}",
        f"SHA256:{HEX[:-1]}g",
        HEX.replace("01", "0:1"),
        "\u0660" * 64,
        f"SHA256:SHA256:{HEX}",
    ],
)
def test_refused_forms(text):
    with pytest.raises(InvalidInputError):
        fingerprint.parse(text)


@given(st.text())
def test_parsing_is_idempotent_or_refused(text):
    try:
        canonical = fingerprint.parse(text)
    except InvalidInputError:
        return
    assert fingerprint.parse(canonical) == canonical


def test_matching(hierarchy):
    root = hierarchy.root.certificate
    assert fingerprint.matches(root, fingerprint.of(root).upper())
    assert not fingerprint.matches(root, CANONICAL)
