import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire.demands import METHODS, Demands
from pgward.pgwire.errors import UnwantedError

ALL = frozenset(METHODS)


@pytest.mark.parametrize(
    ("words", "methods", "clear"),
    [
        (None, ALL, False),
        (["scram-sha-256"], {"scram-sha-256"}, False),
        (["md5", "password"], {"md5", "password"}, True),
        (["!password"], ALL - {"password"}, False),
        (["!md5"], ALL - {"md5"}, False),  # clear text is not named by this
        (["!none", "!none"], ALL - {"none"}, False),
    ],
)
def test_a_list_is_read(words, methods, clear):
    assert Demands.read(words) == Demands(frozenset(methods), names_clear_text=clear)
    assert Demands.read(words, "require").binding == "require"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gss"], "'gss' is no method that is spoken here: none, password, md5, scram-sha-256"),
        (["!!md5"], "'!md5' is no method"),
        (["SCRAM-SHA-256"], "is no method"),
        (["md5", "!password"], "a ! before each"),
        ([], "a list is of methods"),
    ],
)
def test_what_is_no_list_of_methods(words, said):
    with pytest.raises(ValueError, match=said):
        Demands.read(words)


@pytest.mark.parametrize(
    ("words", "tls", "why"),
    [
        (None, "none", "over a connection without TLS"),
        (["password"], "none", "over a connection without TLS"),
        (None, "unverified", "has not proved who it is"),
        (["!md5"], "unverified", "has not proved who it is"),
        (["password"], "unverified", None),
        (None, "verified", None),
        (["!password"], "verified", "and requireAuth allows none or md5 or scram-sha-256"),
    ],
)
def test_clear_text_is_for_a_server_that_proved_who_it_is(words, tls, why):
    demands = Demands.read(words)
    if why is None:
        demands.check("password", tls)
        return
    with pytest.raises(UnwantedError, match=why) as caught:
        demands.check("password", tls)
    assert caught.value.hint


@pytest.mark.parametrize("method", METHODS)
def test_channel_binding_is_required_of_every_method(method):
    demands = Demands(binding="require")
    demands.check("scram-sha-256", "unverified", is_bound=True)
    with pytest.raises(UnwantedError, match="channel binding is required"):
        demands.check(method, "verified")


@given(st.sets(st.sampled_from(METHODS), min_size=1), st.sampled_from(METHODS))
def test_a_list_and_its_opposite_allow_the_same(named, method):
    def allows(demands: Demands) -> bool:
        try:
            demands.check(method, "verified")
        except UnwantedError:
            return False
        return True

    others = [f"!{each}" for each in METHODS if each not in named]
    without = Demands.read(others) if others else Demands()
    assert allows(Demands.read(sorted(named))) == allows(without) == (method in named)
