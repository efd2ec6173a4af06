"""What a browser takes along to an identity provider."""

from types import SimpleNamespace

import pytest

from pgward.portal.pages.elsewhere import Errand
from pgward.portal.web.browser import FLOW


@pytest.mark.parametrize(
    ("cookie", "errand"),
    [
        ("abc||/databases", Errand("abc", "/databases")),
        ("abc|orders|/databases", Errand("abc", "/databases", "orders")),
        ("abc||/a|b", Errand("abc", "/a|b")),
        ("abc", Errand("abc")),
        ("", None),
        ("|orders|/", None),
    ],
)
def test_it_is_read_as_it_was_kept(cookie, errand):
    assert Errand.of(SimpleNamespace(cookies={FLOW: cookie})) == errand
