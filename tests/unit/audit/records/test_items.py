import json

from pgward.audit.records.items import QUERY, Item, Prepared


def test_a_statement_is_the_same_after_it_was_written_down():
    made = Prepared("s", {"text": "x"}, (23, 0), frozenset({2}))
    made.portal, made.parameters, made.joined = "p", ["1", None], True
    again = Prepared.restored(json.loads(json.dumps([*made.state(), None])))
    assert again.state() == made.state()
    assert (again.types, again.secret) == ((23, 0), frozenset({2}))


def test_what_an_item_writes_down_is_what_it_has():
    item = Item(QUERY, 1)
    assert all(hasattr(item, name) for name in Item.PLAIN)
