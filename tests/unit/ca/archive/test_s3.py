"""Objects in a bucket; what every place does stands in test_objects.py."""

import pytest
from botocore.exceptions import ClientError

from pgward.ca.archive.s3 import S3Objects, S3Url
from pgward.core.errors import InvalidInputError, UnavailableError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://audit", S3Url("audit")),
        ("s3://audit/", S3Url("audit")),
        ("s3://audit/a/b/", S3Url("audit", "a/b/")),
        (
            "s3://audit/x?endpoint=https://m:9000&region=eu-1&addressing=path&encryption=aws:kms",
            S3Url("audit", "x/", "https://m:9000", "eu-1", "path", "aws:kms"),
        ),
    ],
)
def test_addresses(text, expected):
    assert S3Url.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s3://", "is no address of a bucket"),
        ("http://a", "is no address of a bucket"),
        ("s3://key:secret@audit/x", "names a bucket and nothing secret"),
        ("s3://audit/x?adressing=path", "unknown option 'adressing'"),
        ("s3://audit/x?secret=path", "unknown option 'secret'"),
        ("s3://audit/x?addressing=x", "addressing is one of auto, path, virtual"),
        ("s3://audit/x?endpoint=minio:9000", "is an https:// URL"),
        ("s3://audit/x?endpoint=ftp://minio", "is an https:// URL"),
        ("s3://audit/../x", "no object's key begins with"),
    ],
)
def test_addresses_that_are_none(text, message):
    with pytest.raises(InvalidInputError, match=message) as told:
        S3Url.parse(text)
    assert "secret@" not in str(told.value)


def test_a_near_miss_is_guessed():
    with pytest.raises(InvalidInputError) as told:
        S3Url.parse("s3://audit/x?adressing=path")
    assert told.value.hint == "did you mean addressing?"


def test_an_endpoint_that_is_none(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    with pytest.raises(InvalidInputError, match="cannot be used"):
        S3Objects.open("s3://audit/x?endpoint=https://a_b!&region=us-east-1")


def test_objects_stand_below_the_prefix(bucket, s3_url):
    bucket.put_if_absent("a/b", b"x")
    above = S3Objects.open(s3_url.replace("/kept?", "?"))
    assert list(above.list("")) == ["kept/a/b"]
    above.close()
    assert str(bucket).endswith("/kept/")


def test_a_bucket_that_is_not_there(s3_url):
    place = S3Objects.open(s3_url.replace("s3://b", "s3://no-such-b"))
    for ask in (
        lambda: place.get("a"),
        lambda: place.put_if_absent("a", b""),
        lambda: [*place.list("")],
    ):
        with pytest.raises(UnavailableError, match=r"refused .*: NoSuchBucket"):
            ask()
    place.close()


@pytest.mark.usefixtures("s3_url")
def test_a_server_that_is_not_there(monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    place = S3Objects.open("s3://b/x?endpoint=http://127.0.0.1:1&region=us-east-1")
    with pytest.raises(UnavailableError, match="the archive's bucket cannot be reached"):
        place.get("a")
    place.close()


class _Old:
    """boto3's client of a server that knows no conditions."""

    def __init__(self, client):
        self._client = client

    def put_object(self, **wanted):
        if "IfNoneMatch" in wanted:
            raise ClientError({"Error": {"Code": "NotImplemented"}}, "PutObject")
        return self._client.put_object(**wanted)

    def __getattr__(self, name):
        return getattr(self._client, name)


def test_a_server_that_knows_no_conditions(bucket):
    bucket._client = _Old(bucket._client)
    assert bucket.put_if_absent("a", b"x")
    assert not bucket.put_if_absent("a", b"y")
    assert bucket.get("a") == b"x"
