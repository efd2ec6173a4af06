import os

import pytest

from pgward.ca.notices.channel import ChannelError, secret_of, tls_context


def test_a_secret_is_the_one_line_of_its_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text("  p w \r\n")
    assert secret_of(file, "password_file") == "  p w "


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb", b"\xff", b"x" * 5000])
def test_a_file_without_one_is_refused_and_not_quoted(tmp_path, content):
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(ChannelError) as caught:
        secret_of(file, "password_file")
    assert str(file) in caught.value.message
    assert not caught.value.for_good


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "secret")
    with pytest.raises(ChannelError, match="cannot be read"):
        secret_of(tmp_path / "secret", "password_file")


def test_authorities_that_are_none_are_said(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(ChannelError, match=f"ca_file {name} cannot be read"):
            tls_context(name, tmp_path)
