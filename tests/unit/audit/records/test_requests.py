from pgward.audit.records.requests import Requests
from pgward.pgwire import frontend as f
from pgward.pgwire.framing import message

QUERY, PARSE, BIND, EXECUTE, CLOSE, CALL = b"QPBECF"


def request(requests, whole, *, ignored=False):
    return requests.request(whole[0], 64, 1, whole[5:], ignored=ignored)


def test_an_execution_has_what_its_portal_was_made_of():
    requests = Requests("b-", 1, {})
    request(requests, f.parse("s", "select $1, $2", [23]))
    request(requests, f.bind("p", "s", [b"\0\0\0\7", b"x"], formats=[1, 0]))
    record = requests.told(request(requests, f.execute("p")))
    assert (record["name"], record["portal"], record["text"], record["parameters"]) == (
        "s", "p", "select $1, $2", ["7", "x"],
    )  # fmt: skip


def test_what_is_ignored_gives_nothing_a_name():
    requests = Requests("b-", 1, {})
    request(requests, f.parse("s", "select"), ignored=True)
    assert requests.statements == {}


def test_a_query_drops_the_statement_without_a_name():
    requests = Requests("b-", 1, {})
    request(requests, f.parse("", "select 1"))
    request(requests, f.parse("s", "select 2"))
    request(requests, f.query("select 3"))
    assert list(requests.statements) == ["s"]


def test_what_was_not_done_is_undone():
    requests = Requests("b-", 1, {})
    first = request(requests, f.parse("s", "one"))
    requests.undo(request(requests, f.parse("s", "two")))
    assert requests.statements == {"s": first.made}
    requests.undo(request(requests, f.close(b"S", "s")))
    assert requests.statements == {"s": first.made}
    requests.undo(first)
    assert requests.statements == {}


def test_what_cannot_be_read_is_on_record_as_that():
    requests = Requests("b-", 1, {})
    for kind in (b"P", b"B", b"C", b"F", b"E"):
        item = request(requests, message(kind, b"x"))
        assert requests.told(item)["details"] == {"unreadable": 1}


def test_closing_what_has_no_name_makes_no_record():
    assert not request(Requests("b-", 1, {}), f.close(b"P")).number
