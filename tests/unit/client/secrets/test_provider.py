import pytest

from pgward.client.secrets import provider
from pgward.client.secrets.provider import SecretError


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"x\n", b"x"),
        (b"x\r\n", b"x"),
        (b" x ", b" x "),
        (b"-----BEGIN\nx\n-----END\n", b"-----BEGIN\nx\n-----END\n"),
        (b"\xff\x00", b"\xff\x00"),
    ],
)
def test_one_lines_end_is_no_part_of_it(data, expected):
    assert provider.value(data, "it") == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "it is empty"), (b"\n", "it is empty"), (b"x" * 16385, "it is longer than 16384 bytes")],
)
def test_it_has_bounds(data, message):
    with pytest.raises(SecretError, match=f"^{message}$"):
        provider.value(data, "it")
