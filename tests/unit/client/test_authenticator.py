import pytest

from pgward.client import authenticator
from pgward.core.errors import UnavailableError
from pgward.system import terminal

URI = "otpauth://totp/pgward:alice?secret=GEZDGNBVGY3TQOJQ&issuer=pgward"


@pytest.fixture
def said(monkeypatch):
    said = []
    monkeypatch.setattr(terminal, "prompt", said.append)
    return said


def test_a_terminal_gets_a_qr_code_and_text(said, monkeypatch):
    monkeypatch.setattr(terminal, "interactive", lambda: True)
    authenticator.show(URI, "GEZDGNBVGY3TQOJQ")
    assert said[0].startswith("scan this with your authenticator app:\n\n█")
    assert said[1] == f"to type it instead: GEZD GNBV GY3T QOJQ\nor open: {URI}"


def test_elsewhere_there_is_text_alone(said, monkeypatch):
    monkeypatch.setattr(terminal, "interactive", lambda: False)
    authenticator.show(URI, "GEZDGNBVGY3TQOJQ")
    assert len(said) == 1


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "", "otpauth://totp/" + "x" * 1000])
def test_what_is_no_secret_is_not_shown(said, uri):
    with pytest.raises(UnavailableError, match="cannot be read"):
        authenticator.show(uri, "x")
    assert said == []


def test_a_qr_code_is_square_and_light_around():
    lines = authenticator.qr_code(URI).split("\n")
    width = len(lines[0])
    assert {len(line) for line in lines} == {width}
    assert len(lines) == (width + 1) // 2
    assert lines[0] == "█" * width
    assert width < 60
