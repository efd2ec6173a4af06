from pgward.ca.resources import kinds
from pgward.core.errors import ConflictError
from pgward.portal.pages.resources import kind_words


def test_every_kind_has_words():
    assert kind_words.OF.keys() == kinds.KINDS.keys()


def test_pages_have_addresses():
    assert kind_words.path("Policy") == "/admin/resources/policies"
    assert kind_words.path("Service", "a", "+edit") == "/admin/resources/services/a/+edit"


def test_options_and_commands_are_for_terminals():
    error = ConflictError("it is so; --force does it", hint="pgward get services")
    told = kind_words.for_page(error)
    assert (told.message, told.hint) == ("it is so", None)
    assert kind_words.for_page(ConflictError("x", hint="wait")).hint == "wait"
