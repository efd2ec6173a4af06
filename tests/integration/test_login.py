"""Logging in and out at a real CA, as a person sees it: exit status, stdout, stderr."""

import json
import re
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pgward.client.home import Home
from pgward.client.session import Session
from pgward.pki import keys, pem
from tests.fixtures.ca import environment
from tests.fixtures.ca_process import pgward

pytestmark = pytest.mark.integration
ZEROS = f"SHA256:{'0' * 64}"


def test_a_first_login_tells_who_until_when_and_what_next(site):
    person = site.person("dba", logged_in=False)
    done = person.log_in_by_command()
    assert (done.returncode, done.stdout) == (0, "")
    host = site.ca.url.removeprefix("https://")
    moment = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(
        rf"logged in as {person.name} \(dba\) at {host} for 12 hours, until {moment}\n"
        rf"certificate until {moment}, renewed while the session lasts\n"
        r"next: pgward services, then pgward psql SERVICE\n",
        done.stderr,
    )


def test_all_of_an_identity_is_private_and_fits_together(site):
    person = site.person(logged_in=False)
    assert person.log_in_by_command().returncode == 0
    paths = Home(person.home).paths
    leaf, issuing = pem.split(paths.cert.read_bytes())
    key = keys.from_pem(paths.key.read_bytes(), None)
    assert keys.spki(leaf.public_key()) == keys.spki(key.public_key())
    assert leaf.issuer == issuing.subject
    assert leaf.subject.rfc4514_string() == f"CN={person.name}"
    assert pem.split(paths.ca.read_bytes()) == pem.split(site.ca.root.read_bytes())
    for entry in person.home.rglob("*"):
        if not entry.is_symlink() and entry.suffix != ".crt":
            assert stat.S_IMODE(entry.stat().st_mode) in (0o700, 0o600), entry
    assert stat.S_IMODE(person.home.stat().st_mode) == 0o700


def test_a_second_login_remembers_the_ca_and_the_user(site):
    person = site.person()
    before = Session.open(person.home).state.serial
    done = person.run("login", "--password-stdin", stdin=f"{person.password}\n")
    assert done.returncode == 0, done.stderr
    assert Session.open(person.home).state.serial != before


def test_a_logout_does_not_forget_the_ca(site):
    person = site.person()
    assert person.run("logout").stderr == "logged out\n"
    assert person.run("whoami").returncode == 4
    done = person.run("login", "--password-stdin", stdin=f"{person.password}\n")
    assert done.returncode == 0, done.stderr


def test_a_wrong_fingerprint_shows_both_and_stores_nothing(site):
    person = site.person(logged_in=False)
    done = person.run(
        *("login", "--ca", site.ca.url, "--fingerprint", ZEROS, "--password-stdin"),
        stdin=f"{person.password}\n",
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "pgward: the CA has another fingerprint\n"
        f"  expected {ZEROS}\n"
        f"  found    {site.ca.fingerprint}\n"
        "hint: compare it with what `pgward ca init` printed;"
        " if it is right, somebody else answers\n"
    )
    assert {entry.name for entry in person.home.iterdir()} <= {"lock"}


def test_a_ca_that_is_not_known_needs_its_fingerprint(site):
    person = site.person(logged_in=False)
    done = person.run("login", "--ca", site.ca.url)
    assert done.returncode == 2
    assert "so its fingerprint is needed" in done.stderr


def test_the_fingerprint_may_be_as_openssl_prints_it(site):
    person = site.person(logged_in=False)
    digits = site.ca.fingerprint.removeprefix("SHA256:").upper()
    colons = ":".join(re.findall("..", digits))
    done = person.run(
        *("login", "--ca", site.ca.url.removeprefix("https://"), "--fingerprint", colons),
        *("--user", person.name, "--password-stdin"),
        stdin=f"{person.password}\n",
    )
    assert done.returncode == 0, done.stderr


def test_unknown_wrong_and_blocked_are_told_apart_by_nobody(site):
    blocked = site.person(logged_in=False)
    site.api.post(f"/v1/users/{blocked.name}/block", {"reason": "test"})
    wrong = site.person(logged_in=False)
    wrong.password = "not the password"
    answers = {
        (done.returncode, done.stdout, done.stderr)
        for done in (p.log_in_by_command() for p in (wrong, blocked, site.stranger()))
    }
    assert answers == {
        (
            3,
            "",
            (
                "pgward: wrong user name or password\n"
                "hint: an administrator sees why in the audit log, and can set a new password\n"
            ),
        )
    }


def test_a_failed_login_keeps_the_present_identity(site):
    person = site.person()
    before = Session.open(person.home).state
    assert person.run("login", "--password-stdin", stdin="wrong\n").returncode == 3
    assert Session.open(person.home).state == before


def test_a_password_comes_from_a_file_but_not_from_two_places(site, tmp_path):
    person = site.person()
    file = tmp_path / "password"
    file.write_text(f"{person.password}\nsecond line\n")
    assert person.run("login", "--password-file", file).returncode == 0
    done = person.run("login", "--password-file", file, "--password-stdin")
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


def test_without_a_terminal_a_password_must_be_given(site):
    done = site.person().run("login")
    assert done.returncode == 2
    assert done.stderr == (
        "pgward: a password is needed and there is no terminal to ask on\n"
        "hint: use --password-stdin or --password-file\n"
    )


def test_options_come_from_the_environment(site):
    person = site.person(logged_in=False)
    variables = {
        "PGWARD_CA": site.ca.url,
        "PGWARD_FINGERPRINT": site.ca.fingerprint,
        "PGWARD_USER": person.name,
    }
    done = pgward(
        *("login", "--password-stdin"),
        stdin=f"{person.password}\n",
        env=environment(person.home) | variables,
    )
    assert done.returncode == 0, done.stderr


def test_a_broken_keyring_costs_one_notice_and_no_login(site):
    person = site.person(logged_in=False)
    variables = environment(person.home) | {"PGWARD_TOKEN_STORE": "auto"}
    arguments = (
        *("login", "--ca", site.ca.url, "--fingerprint", site.ca.fingerprint),
        *("--user", person.name, "--password-stdin"),
    )
    notes = []
    for _ in range(2):
        done = pgward(
            *arguments,
            stdin=f"{person.password}\n",
            env=variables | {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"},
        )
        assert done.returncode == 0, done.stderr
        notes.append("the login token is kept in a file that only you can read" in done.stderr)
    assert notes == [True, False]


def test_logout_revokes_the_certificate(site):
    person = site.person()
    serial = Session.open(person.home).state.serial
    assert person.run("logout").returncode == 0
    found = site.api.get("/v1/certificates", user=person.name)["certificates"]
    assert [(each["serial"], each["state"]) for each in found] == [(serial, "revoked")]
    assert not (person.home / "identity" / "current").is_symlink()
    assert list((person.home / "identity").iterdir()) == []


def test_logging_out_twice_is_not_logged_in(site):
    person = site.person()
    person.ok("logout")
    done = person.run("logout")
    assert (done.returncode, done.stderr) == (4, "pgward: you are not logged in\n")


def test_a_ca_that_is_away_is_named(own_site):
    person = own_site.person()
    own_site.ca.kill()
    host = own_site.ca.url.removeprefix("https://")
    done = person.run("services")
    assert done.returncode == 1
    assert done.stderr == (
        f"pgward: the CA at {host} refuses connections\n"
        "hint: check that `pgward ca serve` runs there, and the port\n"
    )
    done = person.run("login", "--password-stdin", stdin=f"{person.password}\n")
    assert (done.returncode, "refuses connections" in done.stderr) == (1, True)
    assert person.run("whoami").returncode == 0


def test_logout_works_without_the_ca_and_says_what_is_left(own_site):
    person = own_site.person()
    own_site.ca.kill()
    done = person.run("logout")
    assert done.returncode == 0
    assert "logged out here, but the CA at" in done.stderr
    assert "the certificate is not revoked" in done.stderr
    assert person.run("whoami").returncode == 4


def test_a_person_who_was_blocked_must_log_in_again(site):
    person = site.person()
    site.api.post(f"/v1/users/{person.name}/block", {"reason": "left"})
    done = person.run("services")
    assert (done.returncode, done.stderr) == (
        4,
        "pgward: your login session has ended\nhint: pgward login\n",
    )
    assert person.run("whoami", "--check").returncode == 4


def age(home, **changes):
    """Rewrite session.json, as if time had gone by."""
    file = home / "identity" / "current" / "session.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_an_expired_session_is_exit_status_4(site):
    person = site.person()
    age(person.home, session_expires_at="2020-01-01T00:00:00Z")
    done = person.run("whoami")
    assert done.returncode == 4
    assert re.fullmatch(
        r"pgward: your login session ended \d+ days( \d+ hours?)? ago\nhint: pgward login\n",
        done.stderr,
    )


def test_an_expired_certificate_is_renewed_at_the_next_use(site):
    person = site.person()
    age(person.home, not_after="2020-01-01T00:00:00Z", not_before="2019-12-31T23:00:00Z")
    assert "the next use renews it" in person.ok("whoami")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB, where mounting is allowed."""
    directory = tmp_path / "small"
    directory.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "pgward-test", directory],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("mounting is not allowed here")
    yield directory
    subprocess.run(["umount", directory], check=True)


def fill(directory):
    """Leave no byte."""
    with (directory / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(b"x" * 4096):
                pass
        except OSError:
            return


def test_a_full_home_loses_nothing_and_ends_the_new_session(site, small_disk):
    person = site.person(logged_in=False)
    person.home = small_disk / "home"
    assert person.log_in_by_command().returncode == 0
    before = Session.open(person.home).state
    fill(small_disk)
    done = person.run("login", "--password-stdin", stdin=f"{person.password}\n")
    assert done.returncode == 1
    assert "no space left on device" in done.stderr
    assert Session.open(person.home).state == before
    assert person.data("whoami")["user"] == person.name


def test_a_disk_that_fills_up_during_a_renewal_loses_nothing(site, small_disk):
    person = site.person(logged_in=False)
    person.home = small_disk / "home"
    assert person.log_in_by_command().returncode == 0
    session = Session.open(person.home)
    before = session.state
    fill(small_disk)
    program = (
        "import sys, pathlib, datetime\nfrom pgward.client.session import Session\n"
        "session = Session.open(pathlib.Path(sys.argv[1]))\n"
        "try: session._renew()\nexcept Exception as error: print(type(error).__name__)\n"
        "finally: session.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, person.home],
        capture_output=True,
        text=True,
        check=True,
        env=environment(person.home),
    )
    assert done.stdout == "StorageError\n"
    assert Session.open(person.home).state == before
    assert len(list((person.home / "identity").iterdir())) == 2


def test_a_limit_on_file_sizes_is_an_error_too(site):
    person = site.person(logged_in=False)
    done = pgward(
        *("login", "--ca", site.ca.url, "--fingerprint", site.ca.fingerprint),
        *("--user", person.name, "--password-stdin"),
        stdin=f"{person.password}\n",
        env=environment(person.home),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    assert done.returncode == 1
    assert "file too large" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_read_only_home_is_an_error_before_any_password(site, small_disk):
    person = site.person(logged_in=False)
    person.home = small_disk / "home"
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    done = person.log_in_by_command()
    assert done.returncode == 1
    assert done.stderr.startswith(f"pgward: cannot create {person.home}: read-only file system\n")


def test_ctrl_c_is_quiet(site):
    person = site.person()
    with subprocess.Popen(
        [sys.executable, "-m", "pgward", "login", "--password-stdin"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(person.home),
    ) as process:
        _wait_until_it_reads(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr is not None
        assert process.stderr.read().strip() == b""


def _wait_until_it_reads(process):
    """Wait until the process sleeps in a read of its standard input."""
    deadline = time.monotonic() + 20
    while "pipe" not in Path(f"/proc/{process.pid}/wchan").read_text():
        assert time.monotonic() < deadline, "it never read its standard input"
        time.sleep(0.01)
