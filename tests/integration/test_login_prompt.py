"""Logging in on a terminal: the prompt, what it hides, and how it ends."""

import os
import signal
import termios

import pytest

from tests.fixtures.pseudo_terminal import on_a_terminal, read_until

pytestmark = pytest.mark.integration


def test_the_password_is_not_shown(site):
    person = site.person()
    with on_a_terminal(person, "login") as (process, ours, theirs):
        host = site.ca.url.removeprefix("https://")
        read_until(ours, f"Password for {person.name} at {host}: ".encode())
        assert not termios.tcgetattr(theirs)[3] & termios.ECHO
        os.write(ours, f"{person.password}\n".encode())
        shown = read_until(ours, b"next: pgward services")
        assert person.password.encode() not in shown
        assert process.wait(20) == 0


def test_ctrl_c_at_the_prompt_is_quiet_and_restores_the_terminal(site):
    person = site.person()
    with on_a_terminal(person, "login") as (process, ours, theirs):
        read_until(ours, b": ")
        os.write(ours, b"\x03")
        assert process.wait(20) == 128 + signal.SIGINT
        assert termios.tcgetattr(theirs)[3] & termios.ECHO
        os.write(theirs, b"END")
        assert read_until(ours, b"END").strip() in (b"END", b"^C\r\nEND")


def test_ctrl_d_at_the_prompt_is_a_failure(site):
    person = site.person()
    with on_a_terminal(person, "login") as (process, ours, _):
        read_until(ours, b": ")
        os.write(ours, b"\x04")
        read_until(ours, b"pgward: the input ended before the answer")
        assert process.wait(20) == 1


def test_a_new_password_is_asked_for_twice(site):
    with on_a_terminal(site.admin, "user", "add", site.unique("eve")) as (process, ours, _):
        for answer in (b"a good password\n", b"another password\n"):
            read_until(ours, b": ")
            os.write(ours, answer)
        read_until(ours, b"do not match")
        process.terminate()


def test_a_table_fits_the_terminal(site):
    with on_a_terminal(site.admin, "user", "list") as (process, ours, _):
        shown = read_until(ours, b"administrators")
        assert b"NAME" in shown
        assert process.wait(20) == 0
