import pytest

from pgward.ca.identity import directory
from pgward.ca.login.gates.gate import present
from pgward.core.errors import DeniedError


def test_who_was_removed_during_a_login_is_not_present(logins, change):
    with logins.desk.store.read() as connection:
        assert present(connection, "alice").name == "alice"
    change(directory.remove, "alice")
    with (
        logins.desk.store.read() as connection,
        pytest.raises(DeniedError, match="the user was removed during the login"),
    ):
        present(connection, "alice")
