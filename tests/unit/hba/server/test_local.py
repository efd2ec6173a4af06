import os
import sys
from ipaddress import ip_interface
from pathlib import Path

import pytest

from pgward.core.errors import NotFoundError, PgwardError
from pgward.hba.server.disk import Disk
from pgward.hba.server.local import LOCAL
from pgward.system.postgres import Account

ME = Account("me", os.geteuid(), os.getegid())


def test_files_and_programs(tmp_path) -> None:
    assert LOCAL.disk(ME) == Disk(ME)
    assert LOCAL.trees is None
    assert LOCAL.owner_of(tmp_path).uid == os.geteuid()
    with pytest.raises(NotFoundError, match="there is no"):
        LOCAL.owner_of(tmp_path / "none")
    done = LOCAL.execute(["echo", "x"], account=ME, directory=tmp_path, timeout=30)
    assert done.stdout == "x\n"
    assert LOCAL.program_of(os.getpid()) == Path(sys.executable).resolve()
    assert LOCAL.program_of(2**22 + 1) is None
    assert ip_interface("127.0.0.1/8") in LOCAL.interfaces()


def test_another_account(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    LOCAL.check_caller(tmp_path, Account("x", 4711, 1))
    with pytest.raises(PgwardError, match="belongs to another account"):
        LOCAL.check_caller(tmp_path, Account("x", 1, 1))


def test_names_of_accounts() -> None:
    assert LOCAL.account_name(Account("?", 0, 0)) == "root"
    assert LOCAL.account_name(Account("1234567", 1234567, 0)) == "1234567"


def test_only_a_server_of_the_owner_is_signalled() -> None:
    assert not LOCAL.is_server(os.getpid(), ME)
    assert not LOCAL.is_server(2**22 + 1, ME)
    with pytest.raises(ProcessLookupError):
        LOCAL.hang_up(2**22 + 1)
    with pytest.raises(ProcessLookupError):
        LOCAL.hang_up(os.getpid(), ME)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another account")
@pytest.mark.parametrize(
    ("mode", "said"), [(0o711, "belongs to another account"), (0o700, "permission denied")]
)
def test_an_account_that_is_neither_root_nor_the_owner(pg_files, mode, said) -> None:
    pg_files.directory.chmod(mode)
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            owner = LOCAL.owner_of(pg_files.data_dir)
            LOCAL.check_caller(pg_files.data_dir, owner)
        except PgwardError as error:
            os.write(tells, f"{error.message}: {error.hint}".encode())
        os._exit(0)
    os.close(tells)
    with os.fdopen(told) as heard:
        message = heard.read()
    os.waitpid(child, 0)
    assert said in message
    assert "run this as root, or as the account that the server runs as" in message
