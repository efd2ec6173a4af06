import pytest
import zstandard

from pgward.audit.recording import sealing
from pgward.audit.recording.pieces import PieceError
from pgward.pki.age import AgeError
from pgward.pki.age_keys import Identity
from tests.fixtures.recordings import IDENTITY, RECIPIENT


def test_only_the_ca_reads_it():
    sealed = sealing.seal(b"a secret\n" * 100, RECIPIENT)
    assert b"secret" not in sealed
    assert len(sealed) < 400
    assert sealing.unseal(sealed, IDENTITY) == b"a secret\n" * 100
    with pytest.raises(AgeError):
        sealing.unseal(sealed, Identity.new())


@pytest.mark.parametrize(
    "packed",
    [b"", b"no zstd", zstandard.compress(b"no line feed"), zstandard.compress(b"a\n")[:-1]],
)
def test_what_is_inside_must_be_whole(packed):
    with pytest.raises(PieceError):
        sealing.unseal(IDENTITY.recipient.encrypt(packed), IDENTITY)


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(sealing, "MOST_PLAIN", 1000)
    with pytest.raises(PieceError, match="too much"):
        sealing.unseal(sealing.seal(b"a" * 1001 + b"\n", RECIPIENT), IDENTITY)
