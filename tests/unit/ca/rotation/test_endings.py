from datetime import timedelta

from pgward.ca.rotation import endings
from pgward.ca.standing import Standing
from tests.fixtures.authority import START

DAY = timedelta(days=1)


def test_nothing_is_due_at_first(hierarchies):
    known = Standing.of(hierarchies).generations
    assert endings.due(known, START) == []
    assert [each.generation.id for each in endings.endings(known)] == [
        each.id for each in known.all
    ]


def test_an_issuing_ca_is_due_half_a_year_before_its_end(hierarchies):
    known = Standing.of(hierarchies).generations
    end = hierarchies.user.issuing.certificate.not_valid_after_utc
    assert endings.due(known, end - 181 * DAY) == []
    found = endings.due(known, end - 179 * DAY)
    assert [each.generation.id for each in found] == ["user-issuing", "server-issuing"]
    assert found[0].warning(end - 179 * DAY) == (
        "the CA user-issuing ends in 179 days, at 2031-11-20T11:59:00Z: nothing that it signs "
        "lives longer; pgward ca rotate start issuing DIR --hierarchy user"
    )


def test_a_root_is_due_two_years_before(hierarchies):
    known = Standing.of(hierarchies).generations
    end = hierarchies.server.root.not_valid_after_utc
    found = endings.due(known, end - 2 * 365 * DAY)
    assert "server-root" in [each.generation.id for each in found]
