import pytest

from pgward.ca import store as stores
from pgward.ca.store import marks
from pgward.ca.store.marks import MarkedError


@pytest.mark.parametrize(
    ("mark", "value", "said"),
    [
        (marks.MOVED, "postgresql://db/ca", "was moved from here to postgresql://db/ca"),
        (marks.ARRIVING, "x", "was not finished"),
    ],
)
def test_a_marked_store_is_only_opened_for_who_says_so(store, mark, value, said):
    url = store.engine.url.render_as_string()
    with store.write() as transaction:
        marks.put(transaction.connection, mark, "before")
        marks.put(transaction.connection, mark, value)
    with pytest.raises(MarkedError, match=said):
        stores.open_store(url)
    opened = stores.open_store(url, marked=True)
    with opened.write() as transaction:
        assert marks.get(transaction.connection, mark) == value
        marks.drop(transaction.connection, mark)
    opened.close()
    stores.open_store(url).close()
