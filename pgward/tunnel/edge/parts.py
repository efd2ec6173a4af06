"""A snapshot that came in parts: what was read of a part before is not read again. Pure.

The signed payload names each part by its digest. So what a part says is as genuine as the list,
wherever its text came from: the CA, or the disk.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from pgward.core.errors import PgwardError
from pgward.pki import snapshot_parts
from pgward.pki.crl import RevocationList
from pgward.tunnel.edge.state import (
    MODES,
    Content,
    EdgeState,
    Service,
    SnapshotError,
    issuers_of,
    read_grants,
    read_lists,
    read_names,
    read_people,
    read_retired,
    read_service,
)

_LISTS: Final = "lists"
Retired = Mapping[bytes, frozenset[int]]


class LackingError(SnapshotError):
    """Parts are named that are not here: they must be fetched, all of them."""


class PartBook:
    """The parts of the newest snapshot, read; not safe to use from several threads at once."""

    def __init__(self) -> None:
        self.texts: Mapping[str, str] = {}
        self._read: Mapping[tuple[str, str], Any] = {}
        self._statics: Mapping[str, Service] = {}
        self._whole: Mapping[str, Service] = {}
        self._lists: tuple[tuple[str, str], RevocationList, Retired] | None = None

    def load(self, payload: Mapping[str, Any], given: Mapping[str, str]) -> EdgeState:
        """Return what a verified list of parts says, with those that are ``given`` by digest.

        Raises LackingError; SnapshotError, after which all is as before.
        """
        try:
            named = list(_named(payload))
            texts = self._texts({digest for _, digest in named}, given)
            read = {each: self._part(*each, texts) for each in named}
            statics: dict[str, Service] = {}
            for found in _of("services", read):
                statics |= found
            lists = self._revoked(payload, read)
            content = Content(
                services=self._services(statics, _merged("grants", read)),
                groups=_merged("groups", read),
                people=_merged("people", read),
                revocations=lists[1],
                retired=lists[2],
            )
        except LackingError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, PgwardError) as error:
            raise SnapshotError(f"the CA's snapshot cannot be used: {error}") from error
        state = EdgeState.load(payload, content=content)
        self.texts, self._read = texts, read
        self._statics, self._whole = statics, content.services
        self._lists = lists
        return state

    def _texts(self, wanted: set[str], given: Mapping[str, str]) -> dict[str, str]:
        texts = {digest: self.texts[digest] for digest in wanted & self.texts.keys()}
        for digest in wanted - texts.keys():
            if digest not in given:
                raise LackingError("parts of the snapshot are lacking")
            if snapshot_parts.digest(given[digest]) != digest:
                raise SnapshotError("a part of the snapshot is not what the CA has signed")
            texts[digest] = given[digest]
        return texts

    def _part(self, section: str, digest: str, texts: Mapping[str, str]) -> Any:
        found = self._read.get((section, digest))
        return _READERS[section](snapshot_parts.unpack(texts[digest])) if found is None else found

    def _services(
        self, statics: Mapping[str, Service], packed: Mapping[str, str]
    ) -> dict[str, Service]:
        """Join services and grants; the same object where both are as they were."""
        found: dict[str, Service] = {}
        for name, static in statics.items():
            before, text = self._whole.get(name), packed.get(name)
            is_same = before is not None and self._statics[name] is static
            if before is not None and is_same and before.grants.is_packed_as(text or ""):
                found[name] = before
            else:
                found[name] = replace(static, grants=read_grants(text, before))
        return found

    def _revoked(
        self, payload: Mapping[str, Any], read: Mapping[tuple[str, str], Any]
    ) -> tuple[tuple[str, str], RevocationList, Retired]:
        ((digest, lists),) = ((key[1], each) for key, each in read.items() if key[0] == _LISTS)
        issuers = issuers_of(payload)
        if self._lists is not None and self._lists[0] == (digest, issuers):
            return self._lists
        read_anew = read_lists(lists["crls"], issuers), read_retired(lists["retired"])
        return (digest, issuers), *read_anew


def _named(payload: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield section and digest of each part; sections of a newer CA are left out."""
    for section, buckets in payload["parts"].items():
        if section in _READERS:
            for digest in buckets.values():
                yield section, str(digest)


def _of(section: str, read: Mapping[tuple[str, str], Any]) -> Iterable[Any]:
    return (content for (name, _), content in read.items() if name == section)


def _merged(section: str, read: Mapping[tuple[str, str], Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for content in _of(section, read):
        found |= content
    return found


def _read_services(content: Mapping[str, Any]) -> dict[str, Service]:
    fields = (each for each in content.values() if each["mode"] in MODES)
    services = (read_service(each, None) for each in fields)
    return {service.name: service for service in services if service is not None}


def _read_texts(content: Mapping[str, Any]) -> dict[str, str]:
    for each in content.values():
        if not isinstance(each, str):
            raise TypeError("that is no packed text")
    return dict(content)


def _read_groups(content: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    return {name: read_names(users) for name, users in content.items()}


_READERS: Final = {
    "services": _read_services,
    "grants": _read_texts,
    "groups": _read_groups,
    "people": read_people,
    _LISTS: dict,
}
