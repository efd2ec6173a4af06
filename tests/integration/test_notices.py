"""Messages about access requests, from a real CA over SMTP and to a chat; a link in a browser."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pgward.ca.notices.settings import SlackSettings, SmtpSettings
from pgward.ca.settings import FILE, Settings
from tests.fixtures import ca, chromium
from tests.fixtures.ca import Person, Site
from tests.fixtures.ca_process import create_ca
from tests.fixtures.mail_server import MailServer, serving_mail
from tests.fixtures.receivers import Receiver
from tests.fixtures.waiting import eventually
from tests.integration.test_passkeys import Browser, add_passkey


@dataclass
class World:
    """A CA that writes to a mail server and a chat; bob decides what ana asks for."""

    site: Site
    mail: MailServer
    chat: Receiver
    ana: Person
    bob: Person

    def ask(self, *more: str) -> str:
        """Have ana ask; return the request's id."""
        asked = ("request", "shop", "--for", "1h", "--reason", "orders are stuck", *more)
        return str(self.ana.data(*asked)["id"])

    def mails_to(self, person: Person, count: int = 1) -> list[str]:
        """Wait for so many messages to somebody; return their texts."""
        address = f"{person.name}@example.com"

        def found() -> list[str]:
            mine = [each for each in self.mail.mails if each["To"] == address]
            return [each.get_body(["plain"]).get_content() for each in mine]

        eventually(lambda: len(found()) >= count, what=f"{count} messages to {address}")
        return found()

    def said_in_the_chat(self, request: str) -> str:
        """Wait for the question there; return its link."""

        def found() -> list[str]:
            bodies = [json.loads(body)["blocks"] for _, _, body in self.chat.requests]
            return [each[2]["text"]["text"] for each in bodies if request in str(each)]

        return eventually(found, what="a message to the chat")[0]


def told(site_directory: Path, mail: MailServer, chat: Receiver) -> None:
    """Have the CA of a directory write to these."""
    (site_directory / "slack.url").write_text(f"http://{chat.address}/hook")
    settings = Settings.load(site_directory)
    smtp = SmtpSettings(mail.address, ca_file=str(mail.ca), sender="pgward <p@example.com>")
    notify = replace(settings.notify, smtp=smtp, slack=SlackSettings("slack.url"))
    (site_directory / FILE).write_text(replace(settings, notify=notify).dump())


@pytest.fixture(scope="module")
def telling(tmp_path_factory, mail_tls) -> Iterator[tuple[Site, MailServer, Receiver]]:
    """A CA with both, and what people may ask for."""
    path = tmp_path_factory.mktemp("telling")
    create_ca(path / "ca")
    chat = Receiver()
    with serving_mail(mail_tls) as mail, closing(chat):
        told(path / "ca", mail, chat)
        site = ca.make(path)
        with closing(site):
            site.admin.ok("apply", "-f", "-", stdin=RESOURCES)
            yield site, mail, chat


@pytest.fixture
def world(telling) -> World:
    site = telling[0]
    people = [site.person("engineers", word="ana"), site.person("dba", word="bob")]
    for each in people:
        site.api.patch(f"/v1/users/{each.name}", {"email": f"{each.name}@example.com"})
    return World(*telling, *people)


RESOURCES = """
kind: Service
metadata: {name: shop}
spec: {upstream: {host: db1.internal}, allow: {}}
---
kind: AccessFlow
metadata: {name: shop-entry}
spec:
  services: [shop]
  who: {groups: [engineers]}
  maxDuration: 8h
  reason: required
  approvals: [{groups: [dba]}]
  breakGlass: {who: {groups: [engineers]}, maxDuration: 1h}
"""


@pytest.mark.soak
def test_who_decides_gets_a_link_that_a_browser_and_a_passkey_decide_with(world, tmp_path):
    request = world.ask()
    (text,) = world.mails_to(world.bob)
    assert f"{world.ana.name} asks for access to shop" in text
    link = re.search(r"^https://localhost:\d+/decide\?link=\S+", text, re.MULTILINE)[0]
    shared = world.said_in_the_chat(request)
    assert re.fullmatch(r"<https://localhost:\d+/decide\?link=[^>]+\|Decide>", shared)

    with chromium.opened(tmp_path / "browser", world.site.ca.root) as context:
        page = context.pages[0]
        browser = Browser(page, chromium.authenticator(context, page))
        add_passkey(browser, world.bob)
        browser.open(link)
        shown = page.locator("main").inner_text()
        assert f"{world.ana.name} asks for access to shop" in shown
        assert "orders are stuck" in shown
        page.locator("#deny").click()
        assert browser.message() == "Say why not."
        page.locator("#reason").fill("until five")
        page.locator("#approve").click()
        page.locator("#message[data-kind=done]").wait_for()
        assert page.locator("#message").inner_text() == "The request is approved."
        browser.open(link)
        assert "it is approved" in page.locator("main").inner_text()

    (answer,) = world.mails_to(world.ana)
    assert f"{world.ana.name} has access to shop" in answer
    assert f"by:           {world.bob.name}" in answer
    assert "said:         until five" in answer
    (event,) = world.site.api.get("/v1/audit?action=access.link")["events"]
    assert (event["actor"], event["target"]) == (world.bob.name, request)


@pytest.mark.soak
def test_what_was_given_up_is_listed_and_sent_again(world):
    address = f"{world.bob.name}@example.com"
    world.mail.answers = {address: "550 no such person"}
    request = world.ask()

    def given_up() -> bool:
        found = world.site.admin.data("ca", "notices", "list", world.site.ca.directory)
        mine = [each for each in found if each["recipient"] == world.bob.name]
        return [(each["request"], each["state"], each["problem"]) for each in mine] == [
            (request, "dead", "refused: 550 no such person")
        ]

    eventually(given_up, what="a message that was given up")
    world.mail.answers = {}
    world.site.admin.ok("ca", "notices", "retry", world.site.ca.directory)
    world.mails_to(world.bob)


def test_a_broken_glass_is_told_at_once_and_its_end_to_the_person(world):
    request = world.ask("--break-glass")
    (alarm,) = world.mails_to(world.bob)
    assert f"break-glass: {world.ana.name} took access to shop" in alarm
    assert f"pgward requests acknowledge {request}" in alarm
    assert "Decide here" not in alarm
    world.bob.ok("requests", "acknowledge", request, "--reason", "seen")
    world.bob.ok("revoke", request, "--reason", "enough")
    texts = world.mails_to(world.ana, 2)
    assert [each for each in texts if "break-glass acknowledged" in each]
    assert [each for each in texts if f"access of {world.ana.name} to shop has ended" in each]
