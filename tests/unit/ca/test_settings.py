from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.issuing.profiles import Urls
from pgward.ca.settings import (
    CaSettings,
    LoginSettings,
    RevocationSettings,
    Settings,
    StoreSettings,
)
from pgward.core.errors import InvalidInputError, NotFoundError


def test_an_empty_file_means_defaults():
    assert Settings.parse("") == Settings()


def test_what_is_written_is_read_back(tmp_path):
    settings = replace(
        Settings(),
        ca=CaSettings("Acme 1", "https://[::1]:8443", ("a.example.com",), ("::1",)),
        login=LoginSettings(session_hours=8),
    )
    (tmp_path / "pgward.toml").write_text(settings.dump(), encoding="utf-8")
    assert Settings.load(tmp_path) == settings


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_value_comes_back(text):
    settings = replace(Settings(), store=StoreSettings(text))
    assert Settings.parse(settings.dump()) == settings


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[", "not TOML", None),
        ("[logins]", "unknown section or key logins", "did you mean login?"),
        ("[login]\nsesion_hours = 1", r"\[login\]: unknown key sesion_hours", "session_hours?"),
        ("[ca]\nzzz = 1", r"\[ca\]: unknown key zzz", "known are name, url, dns, ips"),
        ("ca = 1", r"\[ca\] is a section", None),
        ("[login]\nsession_hours = '1'", "session_hours must be a whole number", None),
        ("[login]\nsession_hours = true", "session_hours must be a whole number", None),
        ("[login]\nsession_hours = 0", r"\[login\]: session_hours must be 1 to 168", None),
        ("[login]\ncertificate_minutes = 1441", "certificate_minutes must be", None),
        ("[server]\ncertificate_days = 91", "certificate_days must be 1 to 90", None),
        ("[ca]\ndns = 'a'", "dns must be a list of texts", None),
        ("[ca]\ndns = [1]", "dns must be a list of texts", None),
        ("[ca]\ndns = ['a_b']", "not a DNS name", None),
        ("[ca]\ndns = []", "no DNS name and no IP", None),
        ("[ca]\nips = ['x']", "not an IP address", None),
        ("[ca]\nname = 'a/b'", "cannot be the CA's name", "letters"),
        ("[ca]\nname = 1", "name must be a text", None),
        ("[ca]\nurl = 'http://a'", "not the CA's address", "https"),
        ("[ca]\nurl = 'https://a/path'", "not the CA's address", "https"),
        ("[listen]\nport = 70000", "not an address", None),
        ('[listen]\nmetrics = "9464"', "not an address", "write host:port"),
        ('[listen]\nproxy_protocol_from = ["lb"]', "'lb' is no address", "for example 10.0.0.5"),
        ('[listen]\nforwarded_for_from = ["lb"]', "'lb' is no address", "for example 10.0.0.5"),
        ("[limits]\naddress_per_second = -1", "must be 0 to 1000000, not -1", None),
        ('[logging]\nformat = "xml"', "format must be one of text, json, not 'xml'", None),
        ('[logging]\nlevel = "loud"', "level must be one of empty, debug", None),
        ('[logging]\ntraces = "yes"', "traces must be one of none, otlp", None),
    ],
)
def test_mistakes_are_named(text, message, hint):
    with pytest.raises(InvalidInputError, match=message) as caught:
        Settings.parse(text)
    if hint:
        assert hint in caught.value.hint


def test_a_mistake_names_the_file(tmp_path):
    (tmp_path / "pgward.toml").write_text("[x]")
    with pytest.raises(InvalidInputError, match=r"/pgward\.toml: unknown section"):
        Settings.load(tmp_path)
    (tmp_path / "pgward.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        Settings.load(tmp_path)


def test_a_directory_without_a_ca_is_told(tmp_path):
    with pytest.raises(NotFoundError, match="is not a CA directory") as caught:
        Settings.load(tmp_path)
    assert caught.value.hint == f"pgward ca init {tmp_path}"


def test_the_store_is_in_the_directory_unless_named(tmp_path):
    assert Settings().store_url(tmp_path) == f"sqlite:///{tmp_path.resolve()}/ca.db"
    named = replace(Settings(), store=StoreSettings("postgresql+psycopg://h/d"))
    assert named.store_url(tmp_path) == "postgresql+psycopg://h/d"


def test_urls_name_the_ca():
    urls = RevocationSettings(crl_url="http://x/{ca}.crl", ocsp_url="http://x/ocsp")
    urls.check()
    assert urls.urls("user-issuing") == Urls("http://x/user-issuing.crl", "http://x/ocsp")
    assert RevocationSettings().urls("user-issuing") == Urls()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[revocation]\ncrl_url = "ftp://x/y"', "[revocation]: crl_url 'ftp://x/y' is no URL"),
        ('[revocation]\nocsp_url = "http://a b"', "[revocation]: ocsp_url 'http://a b' is no URL"),
        ('[listen]\npublic_http = "x"', "[listen]: 'x' is not an address"),
    ],
)
def test_where_revocation_is_told_must_be_an_address(text, message):
    with pytest.raises(InvalidInputError) as caught:
        Settings.parse(text)
    assert caught.value.message.endswith(message) or str(caught.value).endswith(message)
