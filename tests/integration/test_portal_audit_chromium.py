"""The audit pages in a real Chromium: what they show, on a phone and at a desk."""

import pytest

from tests.fixtures import portal_browser


@pytest.mark.soak
def test_auditors_look_at_everything(site, tmp_path):
    otto = site.person("auditors", word="otto", logged_in=False)
    site.service(users=(otto.name,))
    review = site.unique("q4")
    site.api.post("/v1/access/reviews", {"name": review, "paths": ["allow"]})
    with portal_browser.opened(tmp_path, site) as portal:
        page = portal.page
        page.goto(f"{portal.url}/sign-in")
        portal.sign_in(otto)
        for path in ("/audit", "/audit/statements", "/audit/map", "/reviews", f"/reviews/{review}"):
            portal.open(path)
            portal.look()
        portal.open("/audit/events?action=user.*")
        page.get_by_text("Keep this search").click()
        portal.look()
        page.get_by_label("Its name").fill("people")
        portal.press("Keep")
        assert "is kept" in page.get_by_role("status").inner_text()
        portal.open("/audit/searches")
        portal.look()
        page.get_by_role("link", name="people").click()
        page.get_by_text("Export", exact=True).click()
        with page.expect_download() as coming:
            page.get_by_role("button", name="CSV").click()
        assert "user.add" in coming.value.path().read_text()
        portal.open("/audit/chain")
        portal.press("Verify all of it")
        page.get_by_text("Nothing was changed").wait_for()  # by itself
        portal.look()
