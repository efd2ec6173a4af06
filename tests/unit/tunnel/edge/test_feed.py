"""The feed over a source that a test plays, with snapshots that are really signed."""

import threading
import time
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.core.errors import DeniedError, PgwardError, UnavailableError
from pgward.pki import keys, snapshot
from pgward.pki.chain import SERVER_AUTH, SNAPSHOT_SIGNING
from pgward.pki.errors import SnapshotError as ForgedError
from pgward.pki.snapshot_parts import NO_TAG, digest, pack
from pgward.tunnel.edge import feed as module
from pgward.tunnel.edge.feed import Feed
from pgward.tunnel.edge.kept import Answer
from pgward.tunnel.edge.state import EdgeState, SnapshotError
from tests.fixtures.authority import MovableClock
from tests.fixtures.pki import NOW, TestCa

KEY = keys.generate()


class FakeSource:
    """A CA: answers are snapshots, None or errors, in turn; then nothing newer, without end."""

    name = "e1"

    def __init__(self) -> None:
        self.answers: list[object] = []
        self.asked: list[tuple[int, float]] = []
        self.tags: list[str] = []
        self.renewals: list[object] = []
        self.drained = threading.Event()

    def snapshot(self, after: int, wait: float, tag: str) -> Answer | None:
        self.asked.append((after, wait))
        self.tags.append(tag)
        if not self.answers:
            self.drained.set()
            time.sleep(0.001)
            return None
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer) if isinstance(answer, str) else answer

    def renew_if_due(self) -> bool:
        answer = self.renewals.pop(0) if self.renewals else False
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def signed(hierarchy):
    """Return a function that signs a snapshot; ``changes`` to its payload."""

    def make(version: int, *, ca: TestCa = hierarchy.issuing, eku=SNAPSHOT_SIGNING, **changes):
        payload = {
            "version": version,
            "edge": "e1",
            "user_roots": [pem(hierarchy.root)],
            "user_issuing": [pem(hierarchy.issuing)],
            "crls": [
                b64encode(each.crl()).decode() for each in (hierarchy.root, hierarchy.issuing)
            ],
            "services": [],
            "groups": {},
            "blocked": [],
        }
        signer = ca.issue("signer", KEY, [eku])
        return snapshot.sign(payload | changes, KEY, [signer, ca.certificate])

    return make


def pem(ca: TestCa) -> str:
    return ca.certificate.public_bytes(Encoding.PEM).decode()


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def make(hierarchy, source, tmp_path):
    """Return a function that makes a feed on the same disk, with what it told in ``told``."""

    def made(**more) -> Feed:
        told: list[EdgeState | str] = []
        feed = Feed(
            source,
            lambda: [hierarchy.root.certificate],
            tmp_path / "snapshot.jws",
            MovableClock(NOW),
            on_state=told.append,
            on_renewed=lambda: told.append("renewed"),
            **more,
        )
        feed.told = told
        return feed

    return made


@pytest.fixture
def feed(make) -> Feed:
    return make()


def versions(feed) -> list[int]:
    return [each.version for each in feed.told]


# --- adopting -----------------------------------------------------------------------------


def test_a_new_snapshot_is_told_and_kept(feed, source, signed, tmp_path):
    text = signed(1)
    source.answers = [text]
    feed.poll()
    assert versions(feed) == [1]
    assert (tmp_path / "snapshot.jws").read_text() == text
    assert (tmp_path / "snapshot.jws").stat().st_mode & 0o077 == 0


def test_it_asks_for_what_is_newer_and_waits_once_connected(feed, source, signed):
    source.answers = [signed(3), None, signed(4)]
    for _ in range(4):
        feed.poll()
    assert source.asked == [(0, 0), (3, module.WAIT), (3, module.WAIT), (4, module.WAIT)]


def test_a_restart_goes_on_with_what_is_kept(make, feed, source, signed):
    source.answers = [signed(5)]
    feed.poll()
    again = make()
    assert again.load_kept()
    assert versions(again) == [5]
    again.poll()
    assert source.asked[-1][0] == 5


@pytest.mark.parametrize("kept", [False, True])
def test_an_older_snapshot_is_refused(make, feed, source, signed, kept):
    """Somebody replays it: who was blocked since would get in again."""
    source.answers = [signed(5, blocked=["bob"])]
    feed.poll()
    if kept:
        feed = make()
        feed.load_kept()
    source.answers = [signed(4)]
    with pytest.raises(SnapshotError, match="older than the one in use"):
        feed.poll()
    assert versions(feed) == [5]
    assert make().load_kept()
    source.answers = [signed(6)]
    feed.poll()
    assert versions(feed) == [5, 6]


def test_another_edges_snapshot_is_refused(feed, source, signed, tmp_path):
    source.answers = [signed(1, edge="e2")]
    with pytest.raises(SnapshotError, match="of another edge: e2"):
        feed.poll()
    assert feed.told == []
    assert not (tmp_path / "snapshot.jws").exists()


def test_a_forgery_is_refused(feed, source, signed):
    good = signed(1)
    other = TestCa.root().sub()
    for text in (signed(1, ca=other), signed(1, eku=SERVER_AUTH), good[:-8] + "AAAAAAAA", "x", ""):
        source.answers = [text]
        with pytest.raises(ForgedError):
            feed.poll()
    assert feed.told == []


def test_content_that_cannot_be_used_leaves_the_old_one(feed, source, signed):
    source.answers = [signed(1), signed(2, crls=[])]
    feed.poll()
    with pytest.raises(SnapshotError, match="no revocation list"):
        feed.poll()
    assert versions(feed) == [1]
    source.answers = [signed(2)]
    feed.poll()
    assert versions(feed) == [1, 2]
    assert source.asked[-1][0] == 1


def test_sessions_are_looked_at_after_each_snapshot_until_it_succeeds(make, source, signed):
    looks = []
    answers = [UnavailableError("away"), None, None]

    def look():
        looks.append(source.asked[-1][0])
        if (answer := answers.pop(0)) is not None:
            raise answer

    feed = make(look=look)
    source.answers = [signed(1), None, None, signed(2), None]
    with pytest.raises(UnavailableError):
        feed.poll()
    assert versions(feed) == [1]  # what it says is in force
    for _ in range(4):
        feed.poll()
    assert looks == [0, 1, 1]


# --- the disk -----------------------------------------------------------------------------


def test_nothing_on_disk(feed):
    assert not feed.load_kept()


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\xfe", b"a.b.c", b"." * 100_000])
def test_garbage_on_disk_is_not_used_and_is_replaced(
    feed, source, signed, tmp_path, *, content, caplog
):
    (tmp_path / "snapshot.jws").write_bytes(content)
    assert not feed.load_kept()
    assert "kept snapshot" in caplog.text
    source.answers = [signed(1)]
    feed.poll()
    assert (tmp_path / "snapshot.jws").read_text() != content


def test_a_kept_snapshot_of_another_edge_or_ca_is_not_used(feed, signed, tmp_path):
    for text in (signed(1, edge="e2"), signed(1, ca=TestCa.root().sub())):
        (tmp_path / "snapshot.jws").write_text(text)
        assert not feed.load_kept()
    assert feed.told == []


def test_a_directory_in_its_place(feed, source, signed, tmp_path, caplog):
    """As a full disk: the rules are in force all the same, and that is told."""
    (tmp_path / "snapshot.jws").mkdir()
    assert not feed.load_kept()
    source.answers = [signed(1)]
    feed.poll()
    assert versions(feed) == [1]
    assert "the snapshot cannot be kept" in caplog.text


# --- in parts -----------------------------------------------------------------------------


@pytest.fixture
def in_parts(signed, hierarchy):
    """Return a function that signs a list of parts; people are blocked, and groups are parts."""

    lists = [b64encode(each.crl()).decode() for each in (hierarchy.root, hierarchy.issuing)]

    def make(version: int, *, groups=(), lacking=(), **changes) -> Answer:
        contents = {
            ("lists", ""): pack({"crls": lists, "retired": []}),
            **{("groups", name): pack({name: ["bob"]}) for name in groups},
        }
        named = {}
        for (section, bucket), text in contents.items():
            named.setdefault(section, {})[bucket] = digest(text)
        text = signed(version, parts=named, tag=f"{int(version):032x}", **changes)
        parts = {digest(text): text for key, text in contents.items() if key[1] not in lacking}
        return Answer(text, parts)

    return make


def test_parts_are_kept_and_the_tag_is_told(make, feed, source, in_parts, tmp_path):
    source.answers = [in_parts(1, groups=["dba"]), in_parts(2, groups=["dba"], lacking=["dba", ""])]
    feed.poll()
    feed.poll()
    assert [set(each.groups) for each in feed.told] == [{"dba"}, {"dba"}]
    assert len(list((tmp_path / "snapshot.parts").iterdir())) == 2
    again = make()
    assert again.load_kept()
    assert set(again.told[0].groups) == {"dba"}
    again.poll()
    assert source.tags == [NO_TAG, f"{1:032x}", f"{2:032x}"]


def test_where_parts_lack_all_of_them_are_asked_for_at_once(feed, source, in_parts):
    source.answers = [
        in_parts(1),
        in_parts(2, groups=["dba"], lacking=["dba"]),
        in_parts(2, groups=["dba"]),
    ]
    feed.poll()
    feed.poll()
    assert versions(feed) == [1, 2]
    assert source.asked[1:] == [(1, module.WAIT), (1, 0)]
    assert source.tags[1:] == [f"{1:032x}", NO_TAG]


def test_where_they_lack_for_good_the_old_ones_stay(feed, source, in_parts):
    lacking = in_parts(2, groups=["dba"], lacking=["dba"])
    source.answers = [in_parts(1), lacking, None, lacking, lacking]
    feed.poll()
    for _ in range(2):
        with pytest.raises(SnapshotError, match="lacking"):
            feed.poll()
    assert versions(feed) == [1]
    assert source.tags[-1] == NO_TAG


def test_an_older_list_or_another_edges_is_refused_whatever_its_parts(feed, source, in_parts):
    source.answers = [in_parts(5), in_parts(4), in_parts(6, edge="e2"), in_parts("9")]
    feed.poll()
    for _ in range(3):
        with pytest.raises(SnapshotError):
            feed.poll()
    assert versions(feed) == [5]


def test_a_part_that_was_changed_on_its_way_is_refused(feed, source, in_parts):
    good = in_parts(1, groups=["dba"])
    mallory = pack({"dba": ["mallory"]})
    changed = Answer(good.snapshot, dict.fromkeys(good.parts, mallory))
    source.answers = [changed]
    with pytest.raises(SnapshotError, match="not what the CA has signed"):
        feed.poll()
    assert feed.told == []


def test_a_part_that_was_changed_on_the_disk_is_not_used(
    make, feed, source, in_parts, tmp_path, *, caplog
):
    source.answers = [in_parts(1, groups=["dba"])]
    feed.poll()
    name = digest(pack({"dba": ["bob"]}))
    (tmp_path / "snapshot.parts" / name).write_text(pack({"dba": ["mallory"]}))
    again = make()
    assert not again.load_kept()
    assert "parts of the snapshot are lacking" in caplog.text
    source.answers = [in_parts(1, groups=["dba"])]
    again.poll()
    assert make().load_kept()


def test_a_ca_may_tell_in_parts_now_and_whole_then(feed, source, signed, in_parts):
    source.answers = [signed(1), in_parts(2, groups=["dba"]), signed(3), in_parts(4)]
    for _ in range(4):
        feed.poll()
    assert versions(feed) == [1, 2, 3, 4]
    assert source.tags == [NO_TAG, NO_TAG, f"{2:032x}", NO_TAG]


# --- renewal ------------------------------------------------------------------------------


def test_a_renewal_is_told_before_the_poll(feed, source, signed):
    source.renewals = [True]
    source.answers = [signed(1)]
    feed.poll()
    assert [each if isinstance(each, str) else each.version for each in feed.told] == ["renewed", 1]


# --- the thread ---------------------------------------------------------------------------


@pytest.fixture
def pauses(monkeypatch):
    """Make pauses short, and return what they would have been."""
    seen: list[float] = []
    real = Feed._pause

    def quick(self, seconds: float) -> float:
        seen.append(seconds)
        following = real(self, 0)
        assert following == 0
        return min(seconds * 2, module.LONGEST_PAUSE)

    monkeypatch.setattr(Feed, "_pause", quick)
    return seen


def ran(feed: Feed, source: FakeSource) -> None:
    """Run the thread until every answer was given."""
    thread = feed.start()
    assert source.drained.wait(10)
    feed.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_the_ca_goes_away_and_comes_back(feed, source, signed, pauses, caplog):
    away = UnavailableError("the CA is away")
    source.answers = [signed(1), *[away] * 7, signed(2)]
    ran(feed, source)
    assert versions(feed) == [1, 2]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert caplog.text.count("cannot be used for now") == 1
    waits = [wait for _, wait in source.asked]
    assert waits[:2] == [0, module.WAIT]
    assert waits[2:9] == [0] * 7  # the first answer after a loss comes at once
    assert waits[9] == module.WAIT


@pytest.mark.usefixtures("pauses")
def test_a_ca_that_comes_back_and_has_forgotten_the_edge_is_told_of(feed, source, caplog):
    away, denied = UnavailableError("it is away"), DeniedError("no machine", hint="enroll again")
    source.answers = [away, away, denied, denied, away]
    ran(feed, source)
    assert [each.partition(": ")[2] for each in caplog.messages] == [
        "it is away",
        "no machine; enroll again",
        "it is away",
    ]


def test_a_success_makes_pauses_short_again(feed, source, signed, pauses):
    away = UnavailableError("away")
    source.answers = [away, away, signed(1), away]
    ran(feed, source)
    assert pauses == [0.1, 0.2, 0.1]


@pytest.mark.parametrize("strange", [OSError("no file"), ValueError("a bug"), RuntimeError("x")])
def test_whatever_happens_the_next_revocation_is_heard(feed, source, signed, pauses, strange):
    source.answers = [strange, signed(1)]
    source.renewals = [False, strange]
    ran(feed, source)
    assert versions(feed) == [1]
    assert pauses == [0.1, 0.2]


def test_a_bad_snapshot_is_asked_for_again_and_again_with_pauses(feed, source, signed, pauses):
    source.answers = [signed(1, edge="e2")] * 3 + [signed(1)]
    ran(feed, source)
    assert versions(feed) == [1]
    assert len(pauses) == 3


def test_a_clock_that_jumps_a_year_and_back_costs_no_snapshot(feed, source, signed):
    source.answers = [signed(1), signed(2), signed(2)]
    feed.poll()
    feed._clock.move(days=366)
    with pytest.raises(PgwardError):
        feed.poll()
    assert versions(feed) == [1]
    feed._clock.move(days=-366)
    feed.poll()
    assert versions(feed) == [1, 2]


def test_stop_ends_a_pause(feed, source, monkeypatch):
    monkeypatch.setattr(module, "SHORTEST_PAUSE", 60.0)
    source.answers = [UnavailableError("away")] * 100
    thread = feed.start()
    while not source.asked:
        time.sleep(0.001)
    feed.stop()
    thread.join(10)
    assert not thread.is_alive()


# --- orders -------------------------------------------------------------------------------


def test_orders_are_carried_out_until_nothing_is_left(hierarchy, source, signed, tmp_path):
    done = iter([False, PgwardError("the CA is away"), True])
    carried = []

    def carry_out():
        carried.append(True)
        answer = next(done)
        if isinstance(answer, Exception):
            raise answer
        return answer

    feed = Feed(
        source,
        lambda: [hierarchy.root.certificate],
        tmp_path / "snapshot.jws",
        MovableClock(NOW),
        on_state=lambda _: None,
        on_renewed=lambda: None,
        carry_out=carry_out,
    )
    source.answers = [signed(1), signed(2, orders=True)]
    feed.poll()
    assert carried == []
    feed.poll()
    with pytest.raises(PgwardError):
        feed.poll()
    for _ in range(3):
        feed.poll()
    assert len(carried) == 3
    source.answers = [signed(3)]
    feed.poll()
    assert len(carried) == 3
