"""Objects in an S3 bucket, or in what speaks its protocol (MinIO, Ceph, R2 and others).

Credentials come from where every program of the AWS SDK takes them: ``AWS_ACCESS_KEY_ID`` and
its like in the environment, ``~/.aws``, or the machine's role; never from the address.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from pgward.ca.archive import objects
from pgward.core.errors import InvalidInputError, UnavailableError

_OPTIONS = ("endpoint", "region", "addressing", "encryption")
_ADDRESSING = ("auto", "path", "virtual")
_ABSENT = {"NoSuchKey", "404", "NotFound", "InvalidRange", "416"}
_THERE = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}
_UNCONDITIONAL = {"NotImplemented", "501"}
_EXAMPLE = "for example s3://bucket/prefix?endpoint=https://minio.example.com:9000&region=eu-1"


@dataclass(frozen=True, slots=True)
class S3Url:
    """``s3://BUCKET/PREFIX?endpoint=URL&region=NAME&addressing=path&encryption=aws:kms``."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    addressing: str = "auto"
    encryption: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one; raise InvalidInputError, also for a secret in it."""
        parts = urlsplit(text)
        if parts.scheme != "s3" or not parts.hostname:
            raise InvalidInputError(f"{text!r} is no address of a bucket", hint=_EXAMPLE)
        if parts.username is not None or parts.port is not None or parts.fragment:
            raise InvalidInputError(
                "an s3:// address names a bucket and nothing secret",
                hint="keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws",
            )
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        for name in options:
            _check_option(name)
        if options.get("addressing", "auto") not in _ADDRESSING:
            raise InvalidInputError(f"addressing is one of {', '.join(_ADDRESSING)}")
        if not options.get("endpoint", "https://").startswith(("https://", "http://")):
            raise InvalidInputError(
                "the endpoint of an s3:// address is an https:// URL", hint=_EXAMPLE
            )
        prefix = objects.checked_prefix(parts.path.strip("/"))
        return cls(parts.netloc, f"{prefix}/" if prefix else "", **options)


class S3Objects:
    """An ObjectStore in a bucket; ``client`` is boto3's."""

    def __init__(self, client: Any, where: S3Url) -> None:
        self._client = client
        self._where = where
        self._sealing = {"ServerSideEncryption": where.encryption} if where.encryption else {}

    def __str__(self) -> str:
        return f"s3://{self._where.bucket}/{self._where.prefix}"

    @classmethod
    def open(cls, text: str) -> Self:
        """Return the objects at an ``s3://`` address; nothing is asked of the server yet."""
        where = S3Url.parse(text)
        try:
            boto3: Any = import_module("boto3")  # an extra, and slow to import
            config_of: Any = import_module("botocore.config").Config
        except ImportError as error:
            raise InvalidInputError(
                "the archive in S3 needs boto3", hint="pip install 'pgward[s3]'"
            ) from error
        config = config_of(
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": where.addressing},
        )
        try:
            client = boto3.session.Session().client(
                "s3", endpoint_url=where.endpoint, region_name=where.region, config=config
            )
        except (_botocore().BotoCoreError, ValueError) as error:
            raise InvalidInputError(f"{text!r} cannot be used: {error}", hint=_EXAMPLE) from error
        return cls(client, where)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Store an object; False when that key is there already."""
        wanted = {**self._named(key), "Body": data, **self._sealing}
        code = self._answer(
            lambda: self._client.put_object(**wanted, IfNoneMatch="*"), _THERE | _UNCONDITIONAL
        )
        if code in _UNCONDITIONAL:  # an old server: what keys are named by keeps them apart
            if self._answer(lambda: self._client.head_object(**self._named(key)), _ABSENT) is None:
                return False
            code = self._answer(lambda: self._client.put_object(**wanted), set())
        return code is None

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Return an object's bytes from ``start`` to before ``end``; raise NotFoundError."""
        stop = objects.MOST_BYTES + start if end is None else end
        if stop <= start:
            return b""
        found: list[bytes] = []

        def read() -> None:
            reply = self._client.get_object(**self._named(key), Range=f"bytes={start}-{stop - 1}")
            found.append(reply["Body"].read(stop - start))

        code = self._answer(read, _ABSENT)
        if code in ("InvalidRange", "416"):
            return b""
        if code is not None:
            raise objects.missing(key)
        return found[0]

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        """Yield the keys that begin with ``prefix`` and come after ``after``, in their order."""
        root = self._where.prefix
        wanted = {"Bucket": self._where.bucket, "Prefix": root + objects.checked_prefix(prefix)}
        if after:
            wanted["StartAfter"] = root + after
        with _explained():
            for page in self._client.get_paginator("list_objects_v2").paginate(**wanted):
                for each in page.get("Contents", ()):
                    yield str(each["Key"]).removeprefix(root)

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        self._answer(lambda: self._client.delete_object(**self._named(key)), _ABSENT)

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._where.bucket, "Key": self._where.prefix + objects.checked(key)}

    def _answer(self, ask: Any, expected: set[str]) -> str | None:
        """Ask the server; return the code of an expected refusal, None when it did it."""
        with _explained():
            try:
                ask()
            except _botocore().ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", ""))
                if code not in expected:
                    raise
                return code
        return None


def _botocore() -> Any:
    return import_module("botocore.exceptions")


@contextmanager
def _explained() -> Iterator[None]:
    problems = _botocore()
    try:
        yield
    except problems.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise UnavailableError(
            f"the archive's bucket refused {error.operation_name}: {code}",
            hint="check the bucket's name, and that the credentials may read, write and list it",
        ) from error
    except problems.BotoCoreError as error:
        raise UnavailableError(
            f"the archive's bucket cannot be reached: {str(error)[:300]}",
            hint="check the endpoint, the network, and the credentials of the CA's account",
        ) from error


def _check_option(name: str) -> None:
    if name not in _OPTIONS:
        near = get_close_matches(name, _OPTIONS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_OPTIONS)}"
        raise InvalidInputError(f"unknown option {name[:40]!r} of an s3:// address", hint=hint)
