import socket
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pgward.ca.notices.channel import ChannelError, Parcel
from pgward.ca.notices.mail import Mail
from pgward.ca.notices.notice import Kind
from pgward.ca.notices.settings import SmtpSettings
from tests.fixtures.mail_server import serving_mail
from tests.fixtures.notices import ID, message

SENDER = "pgward <access@example.com>"


def mail(to, directory=Path(), **changes):
    options = {"server": to.address, "ca_file": str(to.ca), "sender": SENDER, **changes}
    chosen = SmtpSettings(**options)
    chosen.check()
    return Mail(chosen, directory, "Acme", "ca.example.com", "passkey")


def text_of(got, kind="plain"):
    return got.get_body([kind]).get_content().replace("\r\n", "\n")


def send(channel, *addresses, **changes):
    return list(channel.send([Parcel(message(**changes), each) for each in addresses]))


def test_a_person_gets_text_and_html(mail_server):
    link = "https://ca.example.com/decide?link=abc"
    assert send(mail(mail_server), "bob@example.com", link=link) == [None]
    (got,) = mail_server.mails
    assert got["From"] == SENDER
    assert got["To"] == "bob@example.com"
    assert got["Subject"] == "[Acme] ana asks for access to shop"
    assert got["Message-ID"] == f"<{ID}@ca.example.com>"
    assert got["References"] == "<request-r7k2@ca.example.com>"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Date"].datetime.isoformat() == "2026-11-23T09:00:00+00:00"
    text = text_of(got)
    assert "reason:       TICKET-1: orders are stuck\n" in text
    assert f"Decide here (it asks for your passkey):\n{link}\n" in text
    assert "  pgward approve r7k2\n" in text
    html = text_of(got, "html")
    assert f'<a href="{link}" style=' in html
    assert ">Decide</a>" in html


def test_what_people_write_is_escaped_and_heads_no_line(mail_server):
    evil = "<img src=x onerror=alert(1)>\r\nBcc: all@example.com"
    assert send(mail(mail_server), "bob@example.com", reason=evil, person=evil) == [None]
    (got,) = mail_server.mails
    assert got["Bcc"] is None
    html = text_of(got, "html")
    assert "<img" not in html
    assert "&lt;img" in html


@settings(max_examples=50)
@example("\ud800")
@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_whatever_people_write_makes_one_whole_email(text):
    channel = Mail(SmtpSettings("h:25", sender=SENDER), Path(), text, "ca.example.com", "mail")
    told = message(reason=text, person=text, asked_for=[text], note=text)
    raw = channel.compose(told, "bob@example.com").as_bytes()
    read = message_from_bytes(raw, policy=policy.default)
    assert sorted(set(read.keys())) == [
        *("Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID"),
        *("References", "Subject", "To", "X-Auto-Response-Suppress"),
    ]
    assert [each.get_content_type() for each in read.iter_parts()] == ["text/plain", "text/html"]
    assert "\n" not in read["Subject"]


def test_many_go_through_one_connection(mail_server):
    assert send(mail(mail_server), *(f"p{i}@example.com" for i in range(5))) == [None] * 5
    assert (len(mail_server.mails), mail_server.connections) == (5, 1)


def test_one_who_is_refused_holds_up_nobody(mail_server):
    mail_server.answers = {
        "gone@example.com": "550 no such person\x07",
        "full@example.com": "452 mailbox full",
    }
    addresses = ("gone@example.com", "full@example.com", "not an address", "bob@example.com")
    gone, full, none, bob = send(mail(mail_server), *addresses)
    assert (gone.message, gone.for_good) == ("refused: 550 no such person\\x07", True)
    assert (full.message, full.for_good) == ("refused: 452 mailbox full", False)
    assert (none.message, none.for_good) == ("that is no e-mail address", True)
    assert bob is None


def test_names_beyond_ascii_travel(mail_server):
    assert send(mail(mail_server), "Björn <bob@example.com>", reason="größer 🙂") == [None]
    (got,) = mail_server.mails
    assert got["To"] == "Björn <bob@example.com>"
    assert "größer 🙂" in text_of(got)


def test_it_logs_in_with_the_password_of_a_file(mail_server, tmp_path):
    (tmp_path / "smtp").write_text("right\n")
    channel = mail(mail_server, tmp_path, user="pgward", password_file="smtp")
    assert send(channel, "bob@example.com") == [None]
    assert mail_server.logins == [("pgward", "right")]


def test_a_wrong_password_is_said_without_it(mail_server, tmp_path):
    (tmp_path / "smtp").write_text("wrong")
    channel = mail(mail_server, tmp_path, user="pgward", password_file="smtp")
    with pytest.raises(ChannelError, match=r"does not let us in \(code 535\)$"):
        send(channel, "bob@example.com")


def test_a_password_file_that_is_not_there_is_named(mail_server, tmp_path):
    channel = mail(mail_server, tmp_path, user="pgward", password_file="smtp")
    with pytest.raises(ChannelError, match="smtp cannot be read: no such file or directory"):
        send(channel, "bob@example.com")


def test_implicit_tls(mail_tls):
    with serving_mail(mail_tls, implicit=True) as server:
        assert send(mail(server, tls="implicit"), "bob@example.com") == [None]
        assert len(server.mails) == 1


def test_no_mail_goes_out_when_the_server_offers_no_tls(mail_tls):
    with serving_mail((None, mail_tls[1])) as server:
        with pytest.raises(ChannelError, match="STARTTLS"):
            send(mail(server), "bob@example.com")
        assert send(mail(server, tls="none"), "bob@example.com") == [None]


def test_no_mail_goes_to_a_server_that_is_not_trusted(mail_server):
    with pytest.raises(ChannelError, match="its certificate is not accepted"):
        send(mail(mail_server, ca_file=""), "bob@example.com")
    assert mail_server.mails == []


def test_a_server_that_is_away_is_named(mail_server):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    channel = mail(mail_server, server=address)
    with pytest.raises(ChannelError, match=f"^{address}: Connection refused$"):
        send(channel, "bob@example.com")


def test_without_a_link_the_commands_are_there(mail_server):
    assert send(mail(mail_server), "bob@example.com", kind=Kind.ENDS_SOON) == [None]
    text = text_of(mail_server.mails[0])
    assert "Decide" not in text
    assert "  pgward extend r7k2 --for 1h\n" in text


def test_an_invitation_has_a_link_of_its_own_words(mail_server):
    link = "https://ca.example.com/welcome?invitation=pgi1.abc"
    invited = {"kind": Kind.INVITED, "link": link}
    assert send(mail(mail_server), "bob@example.com", **invited) == [None]
    (got,) = mail_server.mails
    assert got["Subject"] == "[Acme] ana invites you to shop"
    how = "whoever has this e-mail can; do not pass it on"
    assert f"Choose your password here ({how}):\n{link}\n" in text_of(got)
    assert "your name:    bob\n" in text_of(got)
    assert "request" not in text_of(got)
    assert f'<a href="{link}" style=' in text_of(got, "html")
    assert ">Choose your password</a>" in text_of(got, "html")


def test_a_review_leads_to_its_page(mail_server):
    link = "https://ca.example.com/reviews/q4"
    send(mail(mail_server), "bob@example.com", kind=Kind.REVIEW, link=link)
    (got,) = mail_server.mails
    assert f"Review them here (you sign in first):\n{link}\n" in text_of(got)
