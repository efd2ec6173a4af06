from pgward.hba.syntax.addresses import Network
from pgward.hba.ways.space import Space
from pgward.hba.ways.where import Places

TEN = Network(0x0A000000, 0xFF000000, 32)
OFFICE = Network(0xC0000200, 0xFFFFFF00, 32)
SPACE = Space([TEN, OFFICE, *(Network(0x0A000000 + 256 * n, 0xFFFFFFFF, 32) for n in range(200))])


def shown(cells: int, *hosts: str) -> str:
    return str(Places(SPACE).where(cells, hosts))


def test_networks_in_words() -> None:
    everywhere = SPACE.all & ~SPACE.loopback
    assert shown(everywhere) == shown(SPACE.all) == "anywhere"
    assert shown(SPACE.of([OFFICE])) == "192.0.2.0/24"
    assert shown(everywhere & ~SPACE.of([OFFICE])) == "anywhere but 192.0.2.0/24"
    assert shown(SPACE.family(32) & ~SPACE.loopback) == "0.0.0.0/0"
    assert shown(SPACE.of([TEN, OFFICE])) == "10.0.0.0/8, 192.0.2.0/24"


def test_loopback_is_told_within_itself() -> None:
    assert shown(SPACE.loopback) == "127.0.0.0/8, ::1/128"
    assert shown(SPACE.loopback & SPACE.family(128)) == "::1/128"


def test_hosts() -> None:
    assert shown(0, ".a.test") == "hosts named .a.test"


def test_too_many_to_list() -> None:
    points = [
        n for n, cell in enumerate(SPACE.cells) if cell.first == cell.last and cell.bits == 32
    ]
    found = Places(SPACE).where(sum(1 << each for each in points), ())
    assert (len(found.of), found.more) == (100, True)
    assert str(found).endswith(" and 97+ more")
