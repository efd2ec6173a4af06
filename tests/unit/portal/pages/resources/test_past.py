"""What a resource was, and the way back."""

import pytest

from tests.fixtures.declaring import XSS, declare, stored
from tests.fixtures.web_person import WebPerson

PATH = "/admin/resources/services/orders"


@pytest.fixture
def root(web, admin) -> WebPerson:
    for text in ("first", XSS, "third"):
        declare(admin, description=text, reason=text)
    return web.sign_in("root")


def described(admin) -> str:
    found: str = stored(admin)["metadata"]["description"]
    return found


def test_every_change_is_shown_in_pages(root, monkeypatch):
    monkeypatch.setattr("pgward.portal.pages.resources.past._PAGE", 2)
    page = root.open(f"{PATH}/+history")
    assert "+ description: third" in page.text
    assert f"- description: {XSS}" in page.text
    assert XSS not in page.answer.text
    assert "Version 1" not in page.text
    page = root.open(page.links["Next page"])
    assert "+ description: first" in page.text
    assert "Version 2" not in page.text
    assert "Version 3" in root.open(page.links["First page"]).text


def test_one_goes_back_to_what_was_looked_at(root, admin):
    root.open(f"{PATH}/+history")
    page = root.open(root.page.links["Go back to version 1"])
    assert "+ description: first" in page.text
    page = root.press("Go back", reason="it worked then")
    assert (page.path, "orders is as it was in version 1." in page.text) == (PATH, True)
    assert described(admin) == "first"
    assert "as in version 1" in root.open(f"{PATH}/+history").text


def test_what_was_deleted_comes_back(root, admin):
    assert admin.call("DELETE", "/v1/resources/service/orders").status_code == 200
    page = root.open(f"{PATH}/+history")
    assert "Version 4 deleted" in page.text
    root.open(f"{PATH}/+rollback/3")
    assert root.press("Go back").path == PATH
    assert described(admin) == "third"


def test_what_changed_meanwhile_is_kept(root, admin):
    root.open(f"{PATH}/+rollback/1")
    declare(admin, description="fourth")
    page = root.press("Go back")
    assert (page.status, "has version 4, not 3" in page.text) == (412, True)
    assert described(admin) == "fourth"
    assert root.press("Go back").path == PATH  # the page shows what would be now


def test_what_is_no_version_is_told(root):
    assert root.open(f"{PATH}/+rollback/7").status == 404
    assert root.open(f"{PATH}/+rollback/x").status == 404
    assert root.open("/admin/resources/services/nothing/+history").status == 404
    assert "there is no version 7" in root.open(f"{PATH}/+rollback/7").text.lower()
