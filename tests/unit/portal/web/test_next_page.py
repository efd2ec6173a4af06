import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.portal.web import next_page


@pytest.mark.parametrize("path", ["/", "/databases/x?a=b", "/requests#1"])
def test_a_page_of_ours(path):
    assert next_page.checked(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"),
        *("/a\nb", "/é", "/sign-in", "/sign-out", "/a\\b", "/" + "a" * 1000, " /a"),
    ],
)
def test_anything_else_is_the_first_page(path):
    assert next_page.checked(path) == next_page.FIRST


@given(st.text())
def test_it_never_leaves_us(text):
    found = next_page.checked(text)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
