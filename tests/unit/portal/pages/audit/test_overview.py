from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.archive import checks
from pgward.ca.store.schema_archive import audit_gaps
from tests.fixtures.authority import START
from tests.fixtures.chunks import CHAIN, Teller, record


@pytest.fixture
def otto(web, api):
    api.add("otto", "auditors")
    return web.sign_in("otto")


@pytest.mark.parametrize("period", ["24h", "7d", "30d", "90d", "nonsense"])
def test_an_auditor_sees_how_much_happened(otto, edge, period):
    Teller(edge).tell(record(1, type="SESSION_START"), record(2), record(3, status="error"))
    page = otto.open(f"/audit?period={period}")
    assert page.status == 200
    for tile in ("Statements 2", "Errors 1", "Database sessions 1", "Logins 2"):
        assert tile in page.text
    assert "1 went well, 1 ended with an error. The most, 2, at" in page.text


def test_the_numbers_lead_to_what_they_count(otto):
    page = otto.open("/audit?period=7d")
    assert page.links["Denials0"] == "/audit/events?outcome=denied&since=7d"
    (row,) = [path for name, path in page.links.items() if name == "Sat 07:00"]
    assert row == "/audit/events?since=2026-11-21+07%3A00"
    assert otto.open(row).status == 200


def test_what_wants_to_be_looked_at_stands_first(otto, edge, store):
    assert "Look at these" not in otto.open("/audit").text
    Teller(edge).tell(record(1))
    assert otto.open("/audit").links["What edges put on record was never verified here"]
    problem = {"edge": "e1", "chain": CHAIN, "seq": 1, "problem": "x"}
    with store.write() as transaction:
        checks.begin(transaction, "otto", 1, START)
        chain = {"edge": "e1", "problems": [problem], "more_problems": 0}
        checks.change(transaction, 1, ended_at=START, chains=[chain])
        gap = {"edge": "e1", "chain": CHAIN, "first_seq": 5, "last_seq": 6, "noted_at": START}
        transaction.execute(sa.insert(audit_gaps).values(**gap))
    page = otto.open("/audit")
    assert page.links["Somebody changed what is on record"] == "/audit/chain"
    assert page.links["Lines never came: chains with gaps: 1"] == "/audit/chain"


def test_a_review_that_is_overdue_is_named(otto, admin, clock):
    body = {"name": "q4", "days": 1}
    assert admin.call("POST", "/v1/access/reviews", body).status_code == 201
    clock.move(days=1, seconds=timedelta(minutes=1).seconds)
    otto.sign_in("otto")
    assert "The review q4 is overdue" in otto.open("/audit").text
