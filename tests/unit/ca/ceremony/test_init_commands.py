import json
import os
import signal

import pytest
from click.testing import CliRunner

from pgward.ca import hierarchy
from pgward.ca.ceremony import init_commands
from pgward.ca.settings import Settings
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.portal import commands

HERE = ["--listen", "127.0.0.1:0", "--admin-password-file", "-", "--output", "json"]


def init(directory, *arguments, stdin="correct horse battery\n"):
    runner = CliRunner()
    done = runner.invoke(init_commands.init, [str(directory), *HERE, *arguments], input=stdin)
    if isinstance(done.exception, Exception):
        raise done.exception
    return done


def made(tmp_path, *arguments):
    done = init(tmp_path / "ca", *arguments)
    return json.loads(done.stdout), Settings.load(tmp_path / "ca")


def test_names_and_addresses_reach_the_settings(tmp_path):
    told, settings = made(tmp_path, "--dns", "a.example.com", "--dns", "b", "--ip", "10.0.0.1")
    assert told["url"] == settings.ca.url == "https://a.example.com:0"
    assert (settings.ca.dns, settings.ca.ips) == (("a.example.com", "b"), ("10.0.0.1",))
    assert (settings.listen.host, settings.listen.port) == ("127.0.0.1", 0)


def test_an_address_alone_is_enough(tmp_path):
    _, settings = made(tmp_path, "--ip", "::1")
    assert (settings.ca.url, settings.ca.dns) == ("https://[::1]:0", ())


def test_the_output_is_chosen_as_everywhere(tmp_path, monkeypatch):
    arguments = ["--listen", "127.0.0.1:0", "--admin-password-file", "-"]
    password = "correct horse battery\n"
    done = CliRunner().invoke(
        init_commands.init, [str(tmp_path / "a"), *arguments, "-o", "json"], password
    )
    assert json.loads(done.stdout)["directory"] == str(tmp_path / "a")
    monkeypatch.setenv("PGWARD_OUTPUT", "json")
    done = CliRunner().invoke(init_commands.init, [str(tmp_path / "b"), *arguments], password)
    assert json.loads(done.stdout)["directory"] == str(tmp_path / "b")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--ip", "1.2.3", "'1.2.3' is not an IP address"),
        ("--dns", "a b", "'a b' is not a DNS name"),
        ("--name", "a, b", "'a, b' cannot be the CA's name"),
    ],
)
def test_what_is_wrong_with_an_option_names_no_section_of_a_file(tmp_path, option, value, message):
    with pytest.raises(InvalidInputError) as caught:
        init(tmp_path / "ca", option, value)
    assert caught.value.message == message


def test_loopback_is_called_localhost(tmp_path):
    _, settings = made(tmp_path)
    assert (settings.ca.dns, settings.ca.ips) == (("localhost",), ("127.0.0.1",))


def test_elsewhere_it_is_called_as_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Ca1")
    _, settings = made(tmp_path, "--listen", "0.0.0.0:0")
    assert settings.ca.dns == ("ca1", "localhost")
    assert settings.ca.url == "https://ca1:0"


@pytest.mark.parametrize("name", ["under_score", "localhost"])
def test_a_machine_without_a_usable_name(tmp_path, monkeypatch, name):
    monkeypatch.setattr("socket.gethostname", lambda: name)
    _, settings = made(tmp_path, "--listen", "0.0.0.0:0")
    assert settings.ca.dns == ("localhost",)


def test_sigterm_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(hierarchy, "write", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        assert init(tmp_path / "ca").exit_code == 143
    finally:
        signal.signal(signal.SIGTERM, before)
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_file_is_remembered(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a passphrase\n")
    secret.chmod(0o600)
    told, settings = made(tmp_path, "--passphrase-file", str(secret))
    assert settings.keys.passphrase_file == str(secret)
    assert told["passphrase_file"] is None


def test_a_descriptor_is_not(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, b"a passphrase\n")
    os.close(writer)
    _, settings = made(tmp_path, "--passphrase-file", f"fd:{reader}")
    assert settings.keys.passphrase_file == ""


def test_a_credential_is(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "unlock").write_text("a passphrase\n")
    (tmp_path / "unlock").chmod(0o600)
    _, settings = made(tmp_path, "--passphrase-file", "credential:unlock")
    assert settings.keys.passphrase_file == "credential:unlock"


def test_a_password_file_is_read(tmp_path):
    file = tmp_path / "password"
    file.write_text("correct horse battery\nand a second line\n")
    assert made(tmp_path, "--admin-password-file", str(file))[0]["password_file"] is None


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_password_file_is_told(tmp_path, text):
    file = tmp_path / "password"
    file.write_text(text)
    with pytest.raises(InvalidInputError, match="the first line is empty"):
        init(tmp_path / "ca", "--admin-password-file", str(file))


def test_a_port_that_is_not_chosen_yet_gives_no_login_command(tmp_path):
    assert "--ca URL (`ca serve` prints it)" in init(tmp_path / "ca").stderr


def test_the_login_command_is_ready_to_paste(tmp_path):
    done = init(tmp_path / "ca", "--listen", "127.0.0.1:8443")
    told = json.loads(done.stdout)
    line = f"--ca https://localhost:8443 --fingerprint {told['fingerprint']} --user admin"
    assert line in done.stderr


@pytest.mark.parametrize("command", [init_commands.init, commands.serve])
def test_help_names_every_way_to_give_the_passphrase(command):
    text = CliRunner().invoke(command, ["--help"]).stdout
    for way in ("FILE", "fd:N", "credential:NAME", "keyring:NAME"):
        assert way in text


def test_no_secret_has_an_option_of_its_own():
    for command in (init_commands.init, commands.serve):
        names = {name for option in command.params for name in option.opts}
        assert not names & {"--password", "--passphrase", "--admin-password"}


def test_options_about_keys_reach_the_settings(tmp_path):
    _, settings = made(tmp_path, "--key-type", "p384", "--server-key-type", "p256")
    assert (settings.keys.type, settings.keys.server_type) == ("p384", "p256")
    assert settings.keys.references == ()


def test_ed25519_for_servers_is_warned_of(tmp_path):
    done = init(tmp_path / "a", "--key-type", "ed25519")
    assert "SCRAM channel" in done.stderr
    assert "--server-key-type p256" in done.stderr
    done = init(tmp_path / "b", "--key-type", "ed25519", "--server-key-type", "p256")
    assert "SCRAM" not in done.stderr


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("battery staple\n")
    path.chmod(0o600)
    return path


def test_the_roots_keys_go_where_they_are_wanted(tmp_path, secret):
    arguments = ["--root-key-out", str(tmp_path / "out"), "--root-passphrase-file", str(secret)]
    told, _ = made(tmp_path, *arguments)
    assert told["root_keys"] == str(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.key")) == [
        "server-root.key",
        "user-root.key",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--root-key-out", "OUT"], "need a passphrase of their own"),
        (["--root-passphrase-file", "SECRET"], "says nothing without --root-key-out"),
        (["--root-key-out", "IN", "--root-passphrase-file", "SECRET"], "must not go into the CA"),
        (
            ["--root-key-out", "OUT", "--root-passphrase-file", "SECRET", "--subordinate"],
            "has no root of its own",
        ),
        (["--keys-in", "exec:/bin/true", "--passphrase-file", "SECRET"], "is for keys in files"),
        (["--keys-in", "nowhere"], "does not say where a key is"),
        (["--keys-in", "pkcs11:token=a"], "there is no PIN"),
    ],
)
def test_options_that_do_not_go_together_leave_nothing(tmp_path, secret, arguments, message):
    places = {"OUT": tmp_path / "out", "IN": tmp_path / "ca" / "roots", "SECRET": secret}
    with pytest.raises((InvalidInputError, NotFoundError), match=message):
        init(tmp_path / "ca", *(str(places.get(each, each)) for each in arguments))
    assert list(tmp_path.iterdir()) == [secret]


def test_the_witnesses_are_in_the_transcript(tmp_path):
    told, _ = made(tmp_path, "--witness", "Bob", "--witness", "Eve")
    text = (tmp_path / "ca" / "ceremony.txt").read_text()
    assert "\nwitness: Bob\nwitness: Eve\n" in text
    assert text.endswith(f"\nsha256: {told['transcript_sha256']}\n")


def test_a_subordinate_is_told_what_to_have_signed(tmp_path):
    done = init(tmp_path / "ca", "--subordinate")
    told = json.loads(done.stdout)
    assert (told["fingerprint"], told["requests"]) == (None, str(tmp_path / "ca" / "requests"))
    notes = "\n".join(json.loads(line)["note"] for line in done.stderr.splitlines())
    assert f"pgward ca import {tmp_path}/ca FILE…" in notes
