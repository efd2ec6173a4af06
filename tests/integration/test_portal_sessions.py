"""A session through a real edge: seen in the browser as it runs, ended there, and played."""

import psycopg
import pytest
from playwright.sync_api import expect

from pgward.client.home import Home
from tests.fixtures import portal_browser
from tests.fixtures.waiting import eventually


@pytest.fixture
def portal(stack, tmp_path):
    with portal_browser.opened(tmp_path, stack.site) as made:
        yield made


def dialled(stack, person, service):
    paths = Home(person.home).paths
    return psycopg.connect(
        psycopg.conninfo.make_conninfo(
            host=f"{service.name}.edge.test",
            hostaddr="127.0.0.1",
            port=stack.edge.port,
            user=person.name,
            sslmode="verify-full",
            sslcert=paths.cert,
            sslkey=paths.key,
            sslrootcert=paths.ca,
        ),
        autocommit=True,
    )


@pytest.mark.soak
def test_a_session_is_watched_ended_and_played(stack, portal):
    person, page = stack.person(), portal.page
    service = stack.aware(person, postgres={"recording": "results"})
    with dialled(stack, person, service) as connection:
        connection.execute("select 'first' as word, 7 as number")
        portal.sign_in(stack.site.admin)
        page.wait_for_url("**/databases")
        portal.open(f"/sessions?service={service.name}")
        link = page.get_by_role("link", name=service.name)
        expect(link).to_be_visible()
        portal.look()
        link.click()
        expect(page.get_by_text("select 'first' as word, 7 as number")).to_be_visible()
        portal.look()
        connection.execute("select 'second'")
        expect(page.get_by_text("select 'second'")).to_be_visible()  # by itself

        page.get_by_role("link", name="Play the recording").click()
        expect(page.get_by_role("cell", name="first")).to_be_visible()
        page.get_by_role("link", name="Go to now").click()
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("select * from nowhere")
        expect(page.get_by_text('relation "nowhere" does not exist')).to_be_visible()

        page.get_by_role("link", name="Session", exact=True).click()
        page.get_by_text("End the session").click()
        page.get_by_label("Reason").fill("the maintenance begins")
        portal.press("End it")
        with pytest.raises(psycopg.OperationalError, match="the maintenance begins"):
            eventually(lambda: connection.execute("select 1") and None)
    expect(page.locator("#state").get_by_text("cut off")).to_be_visible()

    page.get_by_role("link", name="Play the recording").click()
    expect(page.get_by_text("the session ended: the maintenance begins")).to_be_attached()
    portal.look()
    page.get_by_label("Speed").select_option("32")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_text("select * from nowhere").first).to_be_hidden()
    expect(page.locator("li.now")).to_contain_text("the session ended")
    page.locator("aside").get_by_role("link").first.click()
    page.wait_for_url("**/recording?at=*")
    page.get_by_label("Find what was said").fill("SECOND")
    portal.press("Find")
    expect(page.get_by_text("1 time that it was said")).to_be_visible()
    portal.look()
