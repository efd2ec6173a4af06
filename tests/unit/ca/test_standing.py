from dataclasses import replace

import pytest

from pgward.ca import hierarchy
from pgward.ca.authority import Authority
from pgward.ca.ceremony import init_store
from pgward.ca.generations import State
from pgward.ca.records import CaName
from pgward.ca.settings import Settings
from pgward.ca.standing import Loader, Standing, adopt_files
from pgward.ca.store import authorities as stored
from pgward.ca.store.certificates import SqlCertificates
from pgward.core.errors import InvalidInputError, NotFoundError, UnavailableError
from tests.fixtures.authority import keeper_of, write_keys

SECRET = b"correct horse"


@pytest.fixture
def directory(tmp_path, new_user_hierarchy, new_server_hierarchy):
    made = [
        ca for new in (new_user_hierarchy, new_server_hierarchy) for ca in (new.root, new.issuing)
    ]
    hierarchy.write(tmp_path, made)
    write_keys(tmp_path, made, SECRET)
    return tmp_path


@pytest.fixture
def keys(directory):
    return keeper_of(directory, SECRET)


@pytest.fixture
def sql(loader, directory, store, clock):
    certificates = SqlCertificates(store, clock)
    made = Authority(Settings(), loader.first(directory), certificates, clock, reload=loader)
    yield made
    made.close()


@pytest.fixture
def loader(store, keys, clock):
    return Loader(store, keys, clock)


def add_second(store, hierarchies, *, key="file:keys/user-issuing-2.key", state=State.NEXT):
    first = Standing.of(hierarchies).generations.get("user-issuing")
    second = replace(first, id="user-issuing-2", state=state, key=key)
    with store.write() as transaction:
        stored.add(transaction, [second])


def test_a_store_from_before_takes_the_files(loader, directory, store, hierarchies):
    standing = loader.first(directory)
    with store.read() as connection:
        found = stored.read(connection)
    assert [(each.id, each.key) for each in found.all] == [
        (name, f"file:keys/{name}.key") for name in CaName
    ]
    assert standing.generations == found
    assert sorted(standing.signers) == ["server-issuing", "user-issuing"]
    issuing = standing.issuing(CaName.USER_ISSUING)
    assert issuing.certificate == hierarchies.user.issuing.certificate
    version = store.version()
    assert loader.first(directory).generations == found
    assert store.version() == version


def test_the_roots_keys_are_not_needed(loader, directory):
    for name in (CaName.USER_ROOT, CaName.SERVER_ROOT):
        (directory / "keys" / f"{name}.key").unlink()
    assert loader.first(directory).missing() == []


def test_files_that_do_not_belong_together_are_refused(store, directory, keys):
    certs = directory / "certs"
    (certs / "server-root.crt").rename(certs / "user-root.crt")
    with pytest.raises(NotFoundError, match=r"server-root\.crt"):
        adopt_files(store, directory, keys)
    (certs / "server-root.crt").write_bytes((certs / "user-root.crt").read_bytes())
    with pytest.raises(InvalidInputError, match="not issued by user-root"):
        adopt_files(store, directory, keys)


def test_a_key_of_another_certificate_is_found(loader, directory):
    keys = directory / "keys"
    (keys / "server-issuing.key").rename(keys / "user-issuing.key")
    with pytest.raises(InvalidInputError, match="not the key of the certificate user-issuing"):
        loader.first(directory)


def test_a_key_that_is_missing_stops_the_start(loader, directory):
    (directory / "keys" / "user-issuing.key").unlink()
    with pytest.raises(NotFoundError, match=r"no key file .*user-issuing\.key"):
        loader.first(directory)


def test_a_new_generation_is_taken_up_once_its_key_is_here(
    sql, directory, store, hierarchies, caplog
):
    heard = []
    sql.on_refresh(lambda: heard.append(sql.standing.missing()))
    assert not sql.refresh()
    add_second(store, hierarchies)
    assert sql.refresh()
    assert not sql.refresh()
    assert caplog.text.count("the key of user-issuing-2 cannot be used") == 1
    old = directory / "keys" / "user-issuing.key"
    (directory / "keys" / "user-issuing-2.key").write_bytes(old.read_bytes())
    assert sql.refresh()
    assert heard == [["user-issuing-2"], []]
    assert len(sql.trust.user_issuing) == 2


def test_a_replica_without_the_key_of_who_issues_is_not_ready(sql, store, hierarchies, clock):
    sql.check_ready()
    add_second(store, hierarchies, state=State.CURRENT)
    with store.write() as transaction:
        stored.set_state(transaction, "user-issuing", State.PREVIOUS, now=clock.now())
    sql.refresh()
    with pytest.raises(UnavailableError, match="no key of user-issuing-2") as raised:
        sql.check_ready()
    assert raised.value.hint == "copy file:keys/user-issuing-2.key here from the CA's directory"


def test_a_store_that_began_with_other_cas_is_refused(loader, directory, store, clock):
    """It was made by `ca init` elsewhere, and has not been served yet."""
    theirs = hierarchy.create("Acme", CaName.USER_ROOT, CaName.USER_ISSUING, clock.now())
    init_store.fill(store, [theirs], "root", "no hash", clock)
    with pytest.raises(InvalidInputError, match="its CAs are not those of the store: user-root"):
        loader.first(directory)
