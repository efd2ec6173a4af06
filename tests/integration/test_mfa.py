"""Second factors on a terminal: set up, asked for, lost, and reset."""

import os
import re
import time
from base64 import b32decode

import pytest

from pgward.ca.identity import totp
from tests.fixtures.pseudo_terminal import answer, on_a_terminal, read_until

pytestmark = pytest.mark.integration
CODE = re.compile(r"(?:[0-9a-z]{4}-){3}[0-9a-z]{4}")


def code(secret, *, after=0):
    """Return the first code of a step later than ``after``, and that step."""
    step = totp.step_at(time.time())
    return (totp.code_of(secret, max(step, after + 1)), max(step, after + 1))


def test_a_factor_from_its_first_code_to_its_loss(site):
    person = site.person()
    with on_a_terminal(person, "mfa", "add", "totp") as (process, ours, _):
        shown = read_until(ours, b"app shows now: ").decode()
        assert "scan this with your authenticator app" in shown
        found = re.search(r"secret=([A-Z2-7]+)", shown)
        secret = b32decode(found[1])
        first, used = code(secret)
        os.write(ours, f"{first}\n".encode())
        shown = ""
        while len(codes := CODE.findall(shown)) < 10:
            shown += read_until(ours, b"\n").decode()
        assert process.wait(20) == 0

    silent = person.run("login", "--password-stdin", stdin=person.password + "\n")
    assert silent.returncode == 2
    assert "there is no terminal to ask on" in silent.stderr

    with on_a_terminal(person, "login") as (process, ours, _):
        answer(ours, "Password for", person.password)
        answer(ours, "recovery code: ", first)  # used already
        read_until(ours, b"wrong code")
        second, _used = code(secret, after=used)
        answer(ours, "recovery code: ", second)
        read_until(ours, b"next: pgward services")
        assert process.wait(20) == 0

    with on_a_terminal(person, "login") as (process, ours, _):
        answer(ours, "Password for", person.password)
        answer(ours, "recovery code: ", codes[-1].upper())
        read_until(ours, b"next: pgward services")
        assert process.wait(20) == 0

    assert site.admin.run("user", "reset-mfa", person.name).returncode == 0
    again = person.run("login", "--password-stdin", stdin=person.password + "\n")
    assert again.returncode == 0, again.stderr
