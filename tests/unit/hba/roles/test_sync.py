from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.errors import DeniedError, InvalidInputError, PgwardError, UnavailableError
from pgward.hba.install.host import Host
from pgward.hba.roles import fuses, section
from pgward.hba.roles.sync import ENDING_FILE, Outcome, look, sync
from pgward.hba.roles.wanted import Grant, Person, Wanted
from pgward.hba.server.datadir import DataDir

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANN = ("ann", "app")
WANTED = Wanted(maps=("m",), people=(Person("ann", (Grant("app"),)),), digest="d")


@pytest.fixture
def host(pg_files, small_ca) -> Host:
    """A host that is set up, and whose server does not run."""
    found = DataDir.open(pg_files.data_dir)
    host = Host(found, found.path / "pgward")
    found.disk.make_dir(host.state_dir)
    host.generations.use(host.generations.write(small_ca.current(), NOW))
    return host


def put(host: Host, *pairs: tuple[str, str]) -> None:
    path = host.data_dir.ident_file
    path.write_bytes(section.put(path.read_bytes(), pairs, "pgward", str(path)))


def pairs(host: Host) -> frozenset:
    path = host.data_dir.ident_file
    return section.read(path.read_bytes(), "pgward", host.data_dir.able, str(path)).pairs


def run(host: Host, wanted: Wanted, **more):
    return sync(host, lambda: wanted, map_name="pgward", now=NOW, **more)


def test_without_a_server_people_only_go(host) -> None:
    put(host, ANN, ("eve", "app"))
    outcome = run(host, WANTED)
    assert (outcome.changed, outcome.digest, pairs(host)) == (True, "d", {ANN})
    assert any("does not run" in note for note in outcome.notes)
    assert not (host.state_dir / ENDING_FILE).exists()
    assert run(host, WANTED).changed is False


def test_the_first_lines_are_written_although_empty(host) -> None:
    assert run(host, WANTED).changed is True
    assert pairs(host) == frozenset()


def test_nothing_is_written_without_a_role_map(host) -> None:
    before = host.data_dir.ident_file.read_bytes()
    assert run(host, Wanted()).changed is False
    assert host.data_dir.ident_file.read_bytes() == before


def test_with_the_ca_away_all_stays(host) -> None:
    put(host, ANN)
    before = host.data_dir.ident_file.read_bytes()

    def away() -> Wanted:
        raise UnavailableError("the CA is away")

    outcome = sync(host, away, map_name="pgward", now=NOW)
    assert (outcome.away, outcome.changed) == ("the CA is away", False)
    assert host.data_dir.ident_file.read_bytes() == before


def test_with_the_ca_away_a_grant_ends_at_its_time(host) -> None:
    hour = timedelta(hours=1)
    roles = (Grant("app"), Grant("a_1", until=NOW + hour), Grant("a_2", until=NOW + 2 * hour))
    everyone = {(name, role) for name in ("ann", "ben") for role in ("app", "a_1", "a_2")}
    put(host, *everyone)
    people = tuple(Person(name, roles) for name in ("ann", "ben"))
    outcome = run(host, Wanted(maps=("m",), people=people))
    assert (outcome.next_end, pairs(host)) == (NOW + hour, everyone)

    def away() -> Wanted:
        raise UnavailableError("the CA is away")

    def later(hours: int, **more) -> Outcome:
        return sync(host, away, map_name="pgward", now=NOW + hours * hour, **more)

    assert later(0).next_end == NOW + hour
    assert later(1, skew=timedelta(seconds=1)).changed is False  # by the CA's clock it is not over
    outcome = later(1)
    assert (outcome.away, outcome.changed) == ("the CA is away", True)
    assert outcome.planned.ended == {("ann", "a_1"), ("ben", "a_1")}
    assert (outcome.next_end, pairs(host)) == (NOW + 2 * hour, everyone - outcome.planned.ended)
    assert later(1).changed is False
    assert (later(9).changed, pairs(host)) == (True, {("ann", "app"), ("ben", "app")})
    assert not (host.state_dir / fuses.FILE).exists()


def test_a_grant_ends_at_its_time_where_the_ca_refuses_the_host(host) -> None:
    put(host, ANN)
    until = NOW + timedelta(hours=1)
    run(host, Wanted(maps=("m",), people=(Person("ann", (Grant("app", until=until),)),)))

    def refused() -> Wanted:
        raise DeniedError("the host was removed")

    for now, left in ((NOW, {ANN}), (until, frozenset())):
        outcome = sync(host, refused, map_name="pgward", now=now)
        assert (outcome.away, type(outcome.refusal)) == ("the host was removed", DeniedError)
        assert pairs(host) == left


def test_what_was_extended_ends_later(host) -> None:
    put(host, ANN)
    for hours in (1, 5):
        until = NOW + timedelta(hours=hours)
        run(host, Wanted(maps=("m",), people=(Person("ann", (Grant("app", until=until),)),)))

    def away() -> Wanted:
        raise UnavailableError("the CA is away")

    outcome = sync(host, away, map_name="pgward", now=NOW + timedelta(hours=4))
    assert (outcome.changed, pairs(host)) == (False, {ANN})


def test_most_people_stay_unless_it_is_forced(host) -> None:
    everyone = [(name, "app") for name in "abcd"]
    put(host, *everyone)
    outcome = run(host, Wanted())
    assert ("4 of 4 people" in outcome.held, pairs(host)) == (True, set(everyone))
    outcome = run(host, Wanted(), force=True)
    assert (outcome.held, pairs(host)) == (None, frozenset())


def test_a_look_changes_nothing(host) -> None:
    put(host, ANN, ("eve", "app"))
    path = host.data_dir.ident_file
    path.write_bytes(path.read_bytes().replace(b"eve", b"eva") + b"pgward /^(x)$ \\1\npgward y z\n")
    before = path.read_bytes()
    outcome = look(host, lambda: WANTED, map_name="pgward")
    assert (outcome.changed, path.read_bytes()) == (True, before)
    assert '-pgward  eva  "app"' in outcome.diff
    said = "\n".join(outcome.notes)
    assert "changed by hand" in said
    assert "lets everyone whose name fits in as \\1" in said
    assert "lets y in as z beside the role map" in said


def test_a_broken_file_is_left_alone(host) -> None:
    host.data_dir.ident_file.write_bytes(b"pgward onlyname\n")
    with pytest.raises(InvalidInputError, match=r"pg_ident\.conf:1"):
        run(host, WANTED)
    assert host.data_dir.ident_file.read_bytes() == b"pgward onlyname\n"


def test_a_host_that_was_not_set_up(pg_files) -> None:
    found = DataDir.open(pg_files.data_dir)
    with pytest.raises(PgwardError, match="holds nothing"):
        run(Host(found, found.path / "pgward"), WANTED)


def test_what_the_server_does_not_take_is_put_back(host, monkeypatch) -> None:
    put(host, ANN, ("eve", "app"))
    before = host.data_dir.ident_file.read_bytes()
    monkeypatch.setattr(Host, "load", lambda *_: (_ for _ in ()).throw(PgwardError("no")))
    with pytest.raises(PgwardError, match="no"):
        run(host, WANTED)
    assert host.data_dir.ident_file.read_bytes() == before
    assert (host.state_dir / ENDING_FILE).exists()  # the next run ends the sessions all the same
