"""The SQL editor in a real Chromium, on a phone and at a desk, before a real PostgreSQL."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.fixtures import portal_browser
from tests.fixtures.portal_browser import PortalBrowser


@pytest.mark.soak
def test_an_editor_stays_while_its_text_runs(stack, tmp_path):
    person = stack.site.person()
    service = stack.aware(person, webClient={"export": True})
    with portal_browser.opened(tmp_path, stack.site) as portal:
        page = portal.page

        def button(name: str) -> Locator:
            return page.get_by_role("button", name=name, exact=True)

        def write(sql: str) -> None:
            page.get_by_label("SQL", exact=True).fill(sql)

        portal.sign_in(person)
        portal.open(f"/databases/{service.name}")
        page.get_by_role("link", name="Open the editor").click()
        portal.look()
        write("select n, null as nothing, repeat('long ', 60) as text from generate_series(1, 9) n")
        portal.press("Run")
        portal.look()
        editor = page.url
        write("begin;\nselect form t")
        page.keyboard.press("Control+Enter")
        page.get_by_text("does not exist").wait_for()
        portal.look()
        button("Roll back").click()
        page.get_by_text("ROLLBACK ·").wait_for()
        assert page.get_by_label("SQL", exact=True).input_value() == "begin;\nselect form t"
        write("select pg_sleep(60)")
        button("Run").click()
        page.get_by_text("Running for").wait_for()
        portal.look()
        button("Cancel").click()
        page.get_by_text("canceling statement").wait_for()
        write("select 'not this';\nselect generate_series(1, 300) as n")
        page.evaluate("document.getElementById('sql').setSelectionRange(19, 60)")
        page.keyboard.press("Control+Enter")
        button("Next rows").click()
        page.get_by_text("rows 201 to 300 ·").wait_for()
        assert page.get_by_text("not this", exact=True).count() == 0
        page.get_by_text("Run before, on this page").click()
        portal.look()
        button("select pg_sleep(60)").click()
        assert page.get_by_label("SQL", exact=True).input_value() == "select pg_sleep(60)"
        button("Tables").click()
        page.get_by_role("columnheader", name="columns").wait_for()
        write("select 5 as five")
        with page.expect_download() as got:
            button("Save as CSV").click()
        assert Path(got.value.path()).read_bytes() == b"five\r\n5\r\n"
        assert page.url == editor
        its_text_outlives_an_editor(portal, editor)


def its_text_outlives_an_editor(portal: PortalBrowser, editor: str) -> None:
    page = portal.page
    other = page.context.new_page()
    other.goto(editor)
    other.get_by_role("button", name="Close this editor").click()
    other.get_by_text("The editor is closed.").wait_for()
    other.close()
    text = page.get_by_label("SQL", exact=True)
    text.fill("select 'kept'")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Nothing was run").wait_for()
    assert text.input_value() == "select 'kept'"
