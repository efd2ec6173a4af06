"""Passkeys in a real Chromium, with an authenticator that it simulates: from adding one to psql."""

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.fixtures import chromium
from tests.fixtures.ca import Person, environment
from tests.fixtures.chromium import Authenticator
from tests.fixtures.edge_process import eventually

pytestmark = pytest.mark.integration


@dataclass
class Running:
    """A command that waits for the browser; ``url`` is the page that it sends it to."""

    process: subprocess.Popen
    said: list[str] = field(default_factory=list)

    def until(self, pattern: str) -> str:
        """Read what it says until a line matches, and return the match's group."""
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(pattern, line):
                return found[1]
        raise AssertionError("".join(self.said))

    def ended(self) -> str:
        """Return what it said, once it has ended well."""
        self.said.append(self.process.stderr.read())
        assert self.process.wait(20) == 0, "".join(self.said)
        return "".join(self.said)


@contextmanager
def running(person: Person, *arguments: str, stdin: str = "") -> Iterator[Running]:
    with subprocess.Popen(
        [sys.executable, "-m", "pgward", *arguments],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(person.home) | {"BROWSER": "true"},  # which opens nothing
    ) as process:
        try:
            process.stdin.write(stdin)
            process.stdin.close()
            yield Running(process)
        finally:
            if process.poll() is None:
                process.kill()


CODE, PAGE = r"code(?: on the page)?: (\S+)", r"^(https://\S+)"


@dataclass
class Browser:
    """A browser with an authenticator."""

    page: chromium.Page
    authenticator: Authenticator

    def open(self, url: str) -> None:
        self.page.goto(url)

    def press(self) -> None:
        self.page.locator("#go").click()

    def back_at_the_terminal(self) -> None:
        self.page.wait_for_url(re.compile(r"^http://127\.0\.0\.1:\d+/callback"))

    def message(self) -> str:
        shown = self.page.locator("#message[data-kind=error]")
        shown.wait_for()
        return shown.inner_text()


@pytest.fixture(scope="module")
def browser(site, tmp_path_factory) -> Iterator[Browser]:
    with chromium.opened(tmp_path_factory.mktemp("browser"), site.ca.root) as context:
        page = context.pages[0]
        yield Browser(page, chromium.authenticator(context, page))


def test_a_passkey_is_added_and_logs_in_and_psql_works(stack, browser):
    person = stack.person()
    with running(person, "passkey", "add", "--name", "laptop", "--no-browser") as command:
        code = command.until(CODE)
        browser.open(command.until(PAGE))
        browser.page.locator("#code").fill("AAA-AAA")
        browser.press()
        assert browser.message().startswith("This is not the code that the terminal shows.")
        browser.page.locator("#code").fill(code)
        browser.page.keyboard.press("Enter")
        browser.back_at_the_terminal()
        assert "added the passkey 'laptop'" in command.ended()
    person.ok("logout")
    with running(person, "login", "--method", "passkey", "--no-browser") as command:
        code = command.until(CODE)
        browser.open(command.until(PAGE))
        assert browser.page.locator("p.code").inner_text() == code
        browser.page.keyboard.press("Enter")
        browser.back_at_the_terminal()
        assert f"logged in as {person.name}" in command.ended()

    service = stack.service(person)
    done = person.ok("psql", service, "--", "-Atc", "select current_user")
    assert done.strip() == person.name

    # After a password the same passkey is the second factor.
    password = ("login", "--method", "password", "--password-stdin", "--no-browser")
    with running(person, *password, stdin=f"{person.password}\n") as command:
        code = command.until(CODE)
        browser.open(command.until(PAGE))
        assert person.name in browser.page.locator("main").inner_text()
        assert browser.page.locator("p.code").inner_text() == code
        browser.press()
        browser.back_at_the_terminal()
        assert f"logged in as {person.name}" in command.ended()


def add_passkey(browser: Browser, person: Person) -> None:
    """Give somebody a passkey, in the browser."""
    with running(person, "passkey", "add", "--no-browser") as command:
        code = command.until(CODE)
        browser.open(command.until(PAGE))
        browser.page.locator("#code").fill(code)
        browser.press()
        browser.back_at_the_terminal()
        command.ended()


@pytest.mark.soak
def test_eight_connections_at_once_are_one_touch_in_the_browser(stack, browser):
    """A service that asks for a fresh passkey, before psql and while connections wait."""
    person = stack.person()
    add_passkey(browser, person)
    service = stack.service(person, stepUp={"minutes": 1, "factors": ["webauthn"]})
    with stack.tunnel(person, service) as tunnel, ThreadPoolExecutor(8) as threads:
        opening = [threads.submit(tunnel.connect) for _ in range(8)]
        eventually(lambda: "asks for a fresh second factor" in tunnel.messages())
        assert not any(each.done() for each in opening)
        with running(person, "step-up", service) as command:
            code = command.until(CODE)
            browser.open(command.until(PAGE))
            assert browser.page.locator("p.code").inner_text() == code
            assert person.name in browser.page.locator("main").inner_text()
            browser.press()
            browser.back_at_the_terminal()
            assert f"{service} is open to you until " in command.ended()
        sessions = [each.result(20) for each in opening]
        assert [each.execute("select 1").fetchone() for each in sessions] == [(1,)] * 8
        assert tunnel.messages().count("asks for a fresh second factor") == 1
        for each in sessions:
            each.close()
    # It counts now: psql asks nothing more, and needs no terminal for that.
    assert person.ok("psql", service, "--", "-Atc", "select 1") == "1\n"
    kept = stack.audit(action="step_up.prove", actor=person.name)
    assert [(e["outcome"], e["details"]["factor"]) for e in kept] == [("ok", "webauthn")]
