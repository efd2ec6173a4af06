"""``pgward access review …``."""

import json

import pytest

from pgward.system import terminal
from tests.fixtures.fake_ca import error
from tests.fixtures.reviewed import item, review

ROUTE = "/v1/access/reviews"
ITEMS = [
    item(1, user="ann", blocked=True),
    item(2, group="engineers", members=3, unused=True),
    item(3, service=None, hosts=["db1", "db2"], group="dba", members=1, path="role-map"),
    item(
        4,
        service=None,
        integration="shop-db",
        role="=app",
        path="server-role",
        state="noted",
        decided_by="olga",
        obstacle="a login of the server itself",
        flagged="a forged mark",
        mine=False,
    ),
]


@pytest.fixture
def ca(fake_ca):
    fake_ca.routes |= {
        f"GET {ROUTE}": {"reviews": [review(), review(name="q3", state="closed", yours=0)]},
        f"GET {ROUTE}/q4": {"review": review(), "unreviewable": 0},
        f"GET {ROUTE}/q4/items": {"items": ITEMS, "after": None},
    }
    return fake_ca


def sent(ca):
    return json.loads(ca.requests[-1].content)


def test_one_is_begun(logged_in, ca):
    ca.routes[f"POST {ROUTE}"] = {"review": review(), "unreviewable": 1}
    done = logged_in(
        *("access", "review", "start", "q4", "--service", "shop", "--due", "7d"),
        *("--path", "allow", "--path", "grant", "--people"),
    )
    assert done.stderr == (
        "the review q4 has 2 rights, and is due 2999-12-04T12:00:00Z\n"
        "1 right can be reviewed by nobody: all who could are those who have it\n"
    )
    assert sent(ca) == {
        "name": "q4",
        "days": 7,
        "service": "shop",
        "paths": ["allow", "grant"],
        "people": True,
    }


def test_whole_days_only(logged_in):
    done = logged_in("access", "review", "start", "q4", "--due", "36h")
    assert (done.exit_code, done.stderr) == (
        2,
        "pgward: a review lasts whole days\nhint: --due 14d\n",
    )


@pytest.mark.usefixtures("ca")
def test_the_list(logged_in):
    title, *rows = logged_in("access", "review", "list").stdout.splitlines()
    assert " ".join(title.split()) == "NAME STATE DUE OPEN CONFIRMED ENDED NOTED GONE FOR YOU"
    assert rows[0].split()[:2] == ["q4", "open"]
    assert rows[0].split()[-6:] == ["2", "1", "0", "1", "0", "2"]
    assert " ".join(rows[1].split()) == "q3 closed - 2 1 0 1 0 0"


def test_an_overdue_one_is_shown_as_such(logged_in, ca):
    late = review(overdue=True, due_at="2026-01-01T00:00:00Z")
    ca.routes[f"GET {ROUTE}"] = {"reviews": [late]}
    ca.routes[f"GET {ROUTE}/q4"] = {"review": late, "unreviewable": 0}
    assert logged_in("access", "review", "list").stdout.splitlines()[1].split()[1] == "overdue"
    assert "; was due " in logged_in("access", "review", "show", "q4").stderr


@pytest.mark.usefixtures("ca")
def test_its_rights(logged_in):
    done = logged_in("access", "review", "show", "q4", "--mine", "--state", "open")
    title, *rows = done.stdout.splitlines()
    assert " ".join(title.split()) == ("NO WHO WHAT BY ROLE LAST USED STATE DECIDED TO DO BEWARE")
    assert [" ".join(each.split()) for each in rows] == [
        "1 ann (blocked) shop allow (Service/shop) - - for you - - -",
        "2 group engineers (3) shop allow (Service/shop) - never: unused for you - - -",
        "3 group dba (1) host db1, db2 role-map (Service/shop) - - for you - - -",
        (
            "4 - server shop-db server-role (Service/shop) =app - noted olga"
            " a login of the server itself a forged mark"
        ),
    ]
    assert done.stderr.startswith("q4: 2 open, 1 confirmed, 0 ended, 1 noted, 0 gone; due in ")


@pytest.mark.usefixtures("ca")
def test_csv_that_no_spreadsheet_runs(logged_in):
    title, *lines = logged_in("access", "review", "show", "q4", "--csv").stdout.splitlines()
    assert title.startswith("number,state,path,user,group,members,service,integration,hosts,role,")
    assert lines[2].startswith('3,open,role-map,,dba,1,,,"db1, db2",,Service/shop,')
    assert ",'=app," in lines[3]
    assert logged_in("access", "review", "show", "q4", "--csv", "-o", "json").exit_code == 2


@pytest.mark.usefixtures("ca")
def test_json(logged_in):
    done = logged_in("access", "review", "show", "q4", "-o", "json")
    assert json.loads(done.stdout) == {"review": review(), "unreviewable": 0, "items": ITEMS}


def test_rights_are_confirmed(logged_in, ca):
    kept = [item(1, state="confirmed", user="ann"), item(2, state="gone", group="x", members=0)]
    ca.routes[f"POST {ROUTE}/q4/confirm"] = {"items": kept, "after": None}
    done = logged_in("access", "review", "confirm", "q4", "1-2", "--reason", "on call")
    assert sent(ca) == {"items": [1, 2], "reason": "on call"}
    assert done.stderr == (
        "1: ann at shop, by allow (Service/shop) confirmed\n"
        "2: group x (0) at shop, by allow (Service/shop) is gone already\n"
    )


@pytest.fixture
def ends(ca):
    noted = item(2, state="noted", user="ann", group="dba", obstacle="corp says so")
    done = [item(1, state="ended", user="ann"), noted]
    ca.routes[f"POST {ROUTE}/q4/end"] = {"items": done, "after": None}
    return ca


ENDED = (
    "1: ann at shop, by allow (Service/shop) ended\n"
    "2: ann (group dba) at shop, by allow (Service/shop) is noted, not ended: corp says so\n"
)


@pytest.mark.usefixtures("ends")
def test_rights_are_ended(logged_in):
    assert logged_in("access", "review", "end", "q4", "1", "2", "--yes").stderr == ENDED


@pytest.mark.parametrize(("answer", "said"), [(True, ENDED), (False, "nothing was taken away")])
@pytest.mark.usefixtures("ends")
def test_what_is_ended_is_shown_first(logged_in, monkeypatch, answer, said):
    asked = []
    monkeypatch.setattr(terminal, "interactive", lambda: True)
    monkeypatch.setattr(terminal, "confirm", lambda text: asked.append(text) or answer)
    done = logged_in("access", "review", "end", "q4", "1-2")
    assert asked == ["take away 2 rights?"]
    assert done.stderr.startswith("1: ann (blocked) at shop, by allow (Service/shop)\n2: group eng")
    assert said in done.stderr


def test_many_are_not_all_shown(logged_in, ends, monkeypatch):
    many = [item(number, user="ann") for number in range(1, 31)]
    ends.routes[f"GET {ROUTE}/q4/items"] = {"items": many, "after": None}
    monkeypatch.setattr(terminal, "interactive", lambda: True)
    monkeypatch.setattr(terminal, "confirm", lambda _text: False)
    assert "\nand 10 more\n" in logged_in("access", "review", "end", "q4", "1-30").stderr
    assert "no such right" in logged_in("access", "review", "end", "q4", "40").stderr


@pytest.mark.usefixtures("ends")
def test_nobody_to_ask(logged_in):
    done = logged_in("access", "review", "end", "q4", "1")
    assert (done.exit_code, done.stderr.splitlines()[1]) == (
        2,
        "hint: pgward access review show q4, then --yes",
    )


def test_one_is_closed(logged_in, ca):
    closed = review(state="closed", yours=0)
    ca.routes[f"POST {ROUTE}/q4/close"] = {"review": closed, "unreviewable": 0}
    assert logged_in("access", "review", "close", "q4").stderr == (
        "closed q4: 2 open, 1 confirmed, 0 ended, 1 noted, 0 gone\n"
    )


def test_what_the_ca_refuses(logged_in, ca):
    ca.routes[f"POST {ROUTE}/q4/confirm"] = error("denied", "right 1 is your own")
    done = logged_in("access", "review", "confirm", "q4", "1")
    assert (done.exit_code, done.stderr) == (3, "pgward: right 1 is your own\n")
