import pytest

from pgward.audit.sinks import sink
from pgward.audit.sinks.sink import SinkUrl, batches
from pgward.core.errors import InvalidInputError
from pgward.system.files import StorageError

SCHEMES = {"file": frozenset({"max-size", "secret"}), "x+https": frozenset()}


def parse(text):
    return SinkUrl.parse(text, SCHEMES)


def test_a_url_has_options_behind_the_hash():
    url = parse("file:///var/log/a.ndjson#max-size=2k,secret=file:/etc/a%2Cb")
    assert url.parts.path == "/var/log/a.ndjson"
    assert url.options == {"max-size": "2k", "secret": "file:/etc/a,b"}
    assert url.number("max-size", 1) == 2048
    assert parse("file:///a").number("max-size", 7) == 7


def test_the_http_url_is_what_the_server_sees():
    url = parse("x+https://example.com:8443/hook?team=a")
    assert (url.http, url.host) == ("https://example.com:8443/hook?team=a", "example.com")


def test_names_differ_by_url():
    assert parse("file:///a").name == parse("file:///a").name != parse("file:///b").name
    assert parse("file:///a").name.startswith("file-")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://user:hunter2@host/", "no user or password"),
        ("ftp://host/", "'ftp://host/' is no sink"),
        ("file:///a#keep=1", "'keep' is no option of this sink"),
        ("file:///a#max-size", "is no option"),
        ("file:///a#max-size=1,max-size=2", "is no option"),
        ("x+https://host#a=b", "is no option"),
        ("x+https://host:port/", "cannot be read"),
    ],
)
def test_a_bad_url_is_refused(text, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        parse(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "0", "x", "1T", "-1", "9999999G", "²"])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(InvalidInputError, match="max-size is a number"):
        parse(f"file:///a#max-size={value}").number("max-size", 1)


def test_a_url_without_a_host_is_refused():
    with pytest.raises(InvalidInputError, match="names no host"):
        _ = parse("x+https:///path").host


def test_secrets_are_in_files_or_the_environment(tmp_path):
    path = tmp_path / "key"
    path.write_text("s3cret\n")
    assert parse(f"file:///a#secret=file:{path}").secret("secret") == b"s3cret"
    assert parse("file:///a#secret=env:KEY").secret("secret", {"KEY": "k"}) == b"k"
    assert parse("file:///a").secret("secret") is None


def test_a_secret_in_the_url_itself_is_refused_without_quoting_it(tmp_path):
    with pytest.raises(InvalidInputError, match="is a reference") as caught:
        parse("file:///a#secret=hunter2").secret("secret")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InvalidInputError, match="is empty"):
        parse("file:///a#secret=env:NONE").secret("secret", {})
    with pytest.raises(StorageError):
        parse(f"file:///a#secret=file:{tmp_path}/none").secret("secret")


def test_batches_are_bounded_by_number_and_by_bytes(monkeypatch):
    monkeypatch.setattr(sink, "MOST_LINES", 2)
    monkeypatch.setattr(sink, "MOST_BYTES", 10)
    lines = [b"a", b"b", b"c", b"x" * 50, b"d" * 6, b"e" * 6]
    assert list(batches(lines)) == [[b"a", b"b"], [b"c"], [b"x" * 50], [b"d" * 6], [b"e" * 6]]
    assert list(batches([])) == []
