from pgward.ca.store import tables
from pgward.ca.store.schema_reviews import last_uses, review_items, reviews


def test_they_are_among_the_tables_of_the_store():
    assert {reviews, review_items, last_uses} <= set(tables.every())
