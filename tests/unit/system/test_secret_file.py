import os
import threading

import pytest

from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.system import secret_file


def read(path):
    with secret_file.opened(path, "password") as file:
        return file.read()


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"geheim\n")
    path.chmod(0o600)
    return path


def test_a_private_file_is_read(secret):
    assert read(secret) == b"geheim\n"
    secret.chmod(0o640)  # a group of its own, as systemd and configuration managers do
    assert read(secret) == b"geheim\n"


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666])
def test_one_that_everyone_may_read_or_change_is_refused(secret, mode):
    secret.chmod(mode)
    with pytest.raises(InvalidInputError, match="everyone on this machine") as caught:
        read(secret)
    assert caught.value.hint == f"chmod 600 {secret}"


def test_a_pipe_has_no_others(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o666)
    writer = threading.Thread(target=path.write_bytes, args=(b"geheim",))
    writer.start()
    assert read(path) == b"geheim"
    writer.join()


def test_what_is_not_there_or_cannot_be_read_is_told(tmp_path):
    with pytest.raises(NotFoundError, match=f"there is no password file {tmp_path}/none"):
        read(tmp_path / "none")
    with pytest.raises(InvalidInputError, match="the password cannot be read: is a directory"):
        read(tmp_path)
