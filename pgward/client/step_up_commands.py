"""``pgward step-up``."""

import click

from pgward.client import options, step_up_prompt
from pgward.client.phrases import when
from pgward.core.clock import SystemClock, rfc3339
from pgward.system import terminal


@click.command("step-up")
@click.argument("service")
@click.option("--code-stdin", is_flag=True, help="Read the code from the first line of stdin.")
@click.option("--no-browser", is_flag=True, help="Show the page's address, and open no browser.")
def step_up(*, service: str, code_stdin: bool, no_browser: bool) -> None:
    """Give a fresh second factor for SERVICE, where it asks for one.

    It covers all your connections to the service for the time that its administrator chose. One
    that counts already is renewed.
    """
    code = terminal.read_stdin_line().replace(" ", "") if code_stdin else None
    with options.session() as session:
        found = step_up_prompt.prove(session.api(), service, code=code, browser=not no_browser)
    terminal.report(service=service, proved_until=found.proved_until)
    if found.proved_until is not None:
        lasts = when(found.proved_until, SystemClock().now())
        terminal.note(f"{service} is open to you until {rfc3339(found.proved_until)} ({lasts})")
