import pytest

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.login.passkeys import credentials
from pgward.ca.login.passkeys.credentials import NewPasskey
from pgward.core.errors import ConflictError, NotFoundError


def new(number=0):
    return NewPasskey(bytes([number]) * 32, b"key", 0, "aaguid", ("usb",), backed_up=False)


@pytest.fixture
def add(logins):
    def add(name="phone", number=0, user="alice"):
        with logins.desk.store.write() as transaction:
            return credentials.add(transaction, user, name, new(number), now=logins.desk.now())

    return add


def test_a_passkey_is_found_by_its_credential_and_by_its_owner(logins, add):
    kept = add()
    with logins.desk.store.read() as connection:
        assert credentials.find(connection, credentials.key_of(b"\0" * 32)) == kept
        assert credentials.of(connection, "alice") == [kept]
        assert credentials.any_of(connection)
        assert not credentials.any_of(connection, "root")
        with pytest.raises(NotFoundError, match="no such passkey"):
            credentials.get(connection, "root", kept.id)


def test_names_are_unique_for_a_person_whatever_their_case(add):
    add("My  phone")
    with pytest.raises(ConflictError, match="there is a passkey 'my phone' already"):
        add("my phone", 1)
    add("My phone", 2, "root")


def test_there_is_room_for_twenty(add):
    for number in range(20):
        add(f"key {number}", number)
    with pytest.raises(ConflictError, match="more than 20"):
        add("one more", 20)


def test_a_passkey_may_be_renamed_and_removed(logins, add):
    one, two = add("one", 1), add("two", 2)
    with logins.desk.store.write() as transaction:
        renamed = credentials.rename(transaction, "alice", one.id, "ONE")
        assert renamed.name == "ONE"
        with pytest.raises(ConflictError):
            credentials.rename(transaction, "alice", one.id, "two")
        with pytest.raises(NotFoundError):
            credentials.remove(transaction, "root", one.id)
        assert credentials.remove(transaction, "alice", two.id) == two
        assert credentials.remove_all(transaction, "alice") == 1
        assert credentials.of(transaction.connection, "alice") == []


def test_a_use_is_noted(logins, add):
    kept = add()
    with logins.desk.store.write() as transaction:
        credentials.used(transaction, kept.id, sign_count=9, backed_up=True, now=logins.desk.now())
        found = credentials.get(transaction.connection, "alice", kept.id)
    assert (found.sign_count, found.backed_up) == (9, True)
    assert found.last_used_at == logins.desk.now()


def test_a_later_person_of_the_same_name_has_another_handle(logins, change):
    before = credentials.handle_of(logins.user())
    assert len(before) == 32
    assert b"alice" not in before
    assert credentials.handle_of(logins.user()) == before
    change(directory.remove, "alice")
    logins.desk.clock.move(seconds=1)
    with logins.desk.store.write() as transaction:
        directory.add(transaction, NewUser("alice"), now=logins.desk.now(), by="test")
    assert credentials.handle_of(logins.user()) != before
