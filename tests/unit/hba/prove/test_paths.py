from ipaddress import ip_address

import pytest

from pgward.hba.decide.connection import World
from pgward.hba.decide.loading import Loaded, load
from pgward.hba.login.link import Target
from pgward.hba.login.outcome import Encryption
from pgward.hba.login.shown import Shown
from pgward.hba.prove import paths
from pgward.hba.prove.listening import Place
from pgward.hba.prove.paths import Subjects
from pgward.hba.prove.proofs import Proof
from pgward.hba.syntax.files import access_lines
from pgward.hba.syntax.versions import Abilities
from pgward.pki import keys
from tests.fixtures.hba_examples import Texts
from tests.fixtures.material import CLIENT, SmallCa

LOOPBACK = Place(Target("127.0.0.1", 5432), ip_address("127.0.0.1"))
SOCKET = Place(Target(None, path="/x"), None)


def loaded(hba: str, ident: str = "", version: int = 16, world: World | None = None) -> Loaded:
    able = Abilities.of(version)
    files = Texts({"/hba": hba, "/ident": ident})
    lines = [access_lines(name, files, able) for name in ("/hba", "/ident")]
    return load(lines[0], lines[1], able, world or World())


@pytest.fixture(scope="module")
def shown() -> Shown:
    ca, key = SmallCa(), keys.generate()
    return Shown((ca.users.issue("ann", key, CLIENT), ca.users.issuing.certificate), key)


def subjects(shown: Shown, **more) -> Subjects:
    given = {"named": ("postgres",), "databases": ("postgres",)}
    return Subjects("own", "other", shown=dict.fromkeys(Proof, shown), **{**given, **more})


def test_each_way_that_must_fail_is_tried_at_each_address(shown) -> None:
    other = Place(Target("::1", 5432), ip_address("::1"))
    made = list(paths.every(16, [LOOPBACK, other, SOCKET], subjects(shown)))
    for place in (LOOPBACK, other):
        here = [path for path in made if path.place is place]
        assert {path.kind for path in here} == {None, *Proof}
        assert {path.encryption for path in here} == set(Encryption) - {Encryption.DIRECT}
        assert {path.role for path in here} == {"own", "other", "postgres"}
        assert {path.database for path in here} == {"postgres", None}
    local = [path for path in made if path.place is SOCKET]
    assert [(path.encryption, path.database) for path in local] == [
        (Encryption.NONE, "postgres"),
        (Encryption.NONE, None),
    ]


def test_direct_tls_where_there_is_such(shown) -> None:
    found = {
        version: {path.encryption for path in paths.every(version, [LOOPBACK], subjects(shown))}
        for version in (16, 17)
    }
    assert found[17] - found[16] == {Encryption.DIRECT}


def test_nobody_elses_password_is_guessed(shown) -> None:
    made = paths.every(16, [LOOPBACK, SOCKET], subjects(shown, persons=(shown,)))
    assert {path.role for path in made if path.password is not None} == {"own", "other"}


def test_a_person_is_tried_as_who_the_map_says_and_as_others(shown) -> None:
    given = subjects(shown, persons=(shown,), mapped={"ann": ["app_owner"]})
    made = paths.every(16, [LOOPBACK], given)
    found = [path.role for path in made if path.what == "certificate of ann"]
    assert found == ["app_owner", "postgres", "other"]


def test_what_is_not_there_is_not_tried(shown) -> None:
    given = subjects(shown)
    few = Subjects("own", "other", (), ("postgres",), {Proof.VALID: shown})
    kinds = {path.kind for path in paths.every(16, [LOOPBACK], few)}
    assert kinds == {None, Proof.VALID}
    assert Proof.SERVER in {path.kind for path in paths.every(16, [LOOPBACK], given)}


def test_roles_of_the_files_come_before_others() -> None:
    files = loaded("host all zoe,gone all md5\nhostssl all +team all cert", "m x app")
    logins = frozenset({f"r{n:02}" for n in range(20)} | {"zoe", "app", "postgres"})
    found = paths.named_roles(files, logins, frozenset({"postgres"}))
    assert found[:4] == ["postgres", "zoe", "app", "r00"]
    assert len(found) == paths.MOST_ROLES


@pytest.mark.parametrize(
    ("first", "begin"),
    [
        ((), "postgres"),
        (("all",), "postgres"),
        (("app", "all"), "postgres"),
        (("app",), "app"),
        (("sameuser",), "own"),
        (("sameuser", "app"), "app"),
    ],
)
def test_databases(first, begin) -> None:
    files = loaded("host shop,all,/x,sameuser,replication all all md5")
    assert paths.databases(files, "own", first) == [begin, "shop"]


def test_what_cannot_be_tried_from_here(shown) -> None:
    files = loaded(
        "hostssl all +team,+here,ann 10.0.0.0/8 cert map=m\nhost all all 127.0.0.0/8 md5\n"
        "host all +team 10.0.0.0/8 md5",
        "m ann@x app\nm /^(.*)$ \\1\nm ann app",
    )
    given = subjects(shown, persons=(shown,))  # who is called ann
    found = list(paths.untried(files, [LOOPBACK, SOCKET], given, frozenset({"here"})))
    assert [(each.what, each.called) for each in found] == [
        ("from 10.0.0.0/8", ""),
        ("as a member of team", "+team"),
        ("certificate of ann@x", "app"),
    ]
