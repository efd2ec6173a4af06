import pytest

from pgward.ca.notices.settings import (
    NotifySettings,
    SmtpSettings,
    WebhookSettings,
    check_url,
    mailbox,
)
from pgward.ca.settings import Settings
from pgward.core.errors import InvalidInputError

TOML = """
[notify]
links = "mail"
[notify.smtp]
server = "mail.example.com:587"
sender = "pgward <access@example.com>"
[notify.webhook]
url = "https://hooks.example.com/pgward"
secret_file = "webhook.secret"
[notify.slack]
url_file = "slack.url"
kinds = ["asked", "break_glass"]
"""


def test_they_are_read_and_written():
    settings = Settings.parse(TOML)
    assert settings.notify.smtp.mailbox.addr_spec == "access@example.com"
    assert settings.notify.slack.url_file == "slack.url"
    assert Settings.parse(settings.dump()) == settings


def test_without_them_nothing_is_told():
    assert Settings.parse("").notify == NotifySettings()


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('[notify]\nlinks = "yes"', "links must be one of passkey, mail, off, not 'yes'"),
        ("[notify]\nlink_hours = 0", "link_hours must be 1 to 168, not 0"),
        ("[notify]\nsmtp = 1", r"\[smtp\] is a section, not a value"),
        ('[notify.smtp]\nserver = "m:25"', "smtp: sender '' is no e-mail address"),
        ('[notify.smtp]\nserver = "m"\nsender = "a@b"', "smtp: "),
        ('[notify.smtp]\ntls = "ssl"', "smtp: tls must be one of starttls, implicit, none"),
        ('[notify.smtp]\nuser = "u"', "smtp: user and password_file belong together"),
        (
            '[notify.smtp]\nserver = "m:25"\nsender = "a@b"\ntls = "none"',
            "smtp: without TLS anybody on the way to m could",
        ),
        ('[notify.webhook]\nurl = "https://h"', "webhook: a webhook needs a secret_file"),
        ('[notify.slack]\nkinds = ["ask"]', "slack: 'ask' is no kind of notice"),
        ('[notify.smtp]\npassword = "p"', "unknown key password"),
    ],
)
def test_what_does_not_work_is_refused(toml, message):
    with pytest.raises(InvalidInputError, match=message):
        Settings.parse(toml)


def test_an_unknown_key_is_named_with_its_section():
    with pytest.raises(InvalidInputError) as caught:
        Settings.parse('[notify.smtp]\nserve = "p"')
    assert caught.value.where == "[notify.smtp]"
    assert caught.value.hint == "did you mean server?"


def test_on_this_machine_mail_needs_no_tls():
    SmtpSettings("127.0.0.1:25", "none", sender="a@b").check()
    WebhookSettings("http://localhost:8080/x", "s").check()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://localhost/",
        "https://",
        "https://u:p@example.com/",
        "https://example.com/\n",
        "https://example .com",
        "hooks.example.com",
    ],
)
def test_an_address_that_others_could_read_or_change_is_refused(url):
    with pytest.raises(InvalidInputError):
        check_url(url)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@",
        "@b",
        "a b@c.d",
        "a@b, c@d",
        "a@b\r\nBcc: x@y",
        "a@b c",
        "<a@b",
        "group: a@b, c@d;",
        "a" * 2000,
    ],
)
def test_what_is_not_one_mailbox_is_none(text):
    assert mailbox(text) is None


def test_a_mailbox_may_have_a_name():
    found = mailbox("Bob B. <bob@example.com>")
    assert found is not None
    assert (found.display_name, found.addr_spec) == ("Bob B.", "bob@example.com")
