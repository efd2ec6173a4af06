from pgward.ca.resources import kinds
from pgward.portal.pages.resources import kind_words


def test_every_kind_has_words():
    assert kind_words.OF.keys() == kinds.KINDS.keys()


def test_pages_have_addresses():
    assert kind_words.path("Policy") == "/admin/resources/policies"
    assert kind_words.path("Service", "a", "+edit") == "/admin/resources/services/a/+edit"
