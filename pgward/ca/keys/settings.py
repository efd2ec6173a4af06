"""The section ``[keys]`` of ``pgward.toml``: where the CAs' keys are, and what opens them."""

from dataclasses import dataclass

from pgward.ca.keys import reference
from pgward.core.errors import InvalidInputError
from pgward.pki import key_types
from pgward.pki.key_types import KeyType


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Where the CAs' keys are, and what opens them: see docs/how-to/keys.md."""

    passphrase_file: str = ""  # of key files: FILE, credential:NAME or keyring:NAME
    pin_file: str = ""  # of the token: the same sources
    type: str = KeyType.P256.value  # of new keys
    server_type: str = ""  # of new keys of server CAs; empty is the same
    place: str = "file:keys"  # where new keys go: file:…, pkcs11:… or exec:…
    references: tuple[str, ...] = ()  # "CA=reference" of each key that is not in keys/CA.key
    pkcs11_module: str = ""  # the token's library, unless the URI has module-path
    helper_seconds: int = 10  # how long a helper program may take to answer

    def check(self) -> None:
        """Raise InvalidInputError."""
        key_types.parse(self.type)
        if self.server_type:
            key_types.parse(self.server_type)
        reference.parse_place(self.place)
        for entry in self.references:
            _check_entry(entry)
        if not 1 <= self.helper_seconds <= 120:  # noqa: PLR2004 - a request waits for it
            raise InvalidInputError(f"helper_seconds must be 1 to 120, not {self.helper_seconds}")

    def reference(self, ca: str) -> str:
        """Return the reference of a CA's key, or nothing when none was given."""
        for entry in self.references:
            name, _, found = entry.partition("=")
            if name == ca:
                return found
        return ""

    def key_type(self, ca: str) -> KeyType:
        """Return the type of a new key for the CA ``ca``."""
        server = self.server_type if ca.startswith("server-") else ""
        return key_types.parse(server or self.type)


def _check_entry(entry: str) -> None:
    name, mark, found = entry.partition("=")
    if not mark or not name:
        raise InvalidInputError(f"{entry!r} in references is not CA=REFERENCE")
    reference.parse(found)
