"""Where policies come from: files as ``pgward apply`` reads them, and else the CA.

Files may hold the kinds Policy, Service and PolicyTest; others in them are passed over.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pgward.client import manifest, policy_configs, policy_landing
from pgward.client.manifest import Document, ManifestError
from pgward.client.policy_configs import Choice
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.policy import cel
from pgward.policy.context import Context, ServiceFacts
from pgward.policy.model import Policy
from pgward.policy.reading import SpecError, read_spec
from pgward.policy.role_guard import NAME, RoleGuard
from pgward.policy.rules import Decision, Engine

INLINE = "inline"
"""How the policy is called that stands in the service itself."""
TEST = "PolicyTest"
BUILT_IN = (NAME, "allow", "login", policy_configs.NAME, *policy_landing.NAMES)
"""What decides without a policy, as a service says it."""

Ask = Callable[[str, str], dict[str, Any]]
"""Gives a resource of the CA by kind and name; raises NotFoundError."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """A service as rules see it, its policies, and its ``spec`` as it is written, if known."""

    facts: ServiceFacts
    policies: tuple[Policy, ...]
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def block(self) -> Mapping[str, Any]:
        """The block ``postgres``."""
        return _object(self.spec.get("postgres"))

    @property
    def is_ruled(self) -> bool:
        """Whether policies mean anything for it: the edge speaks its protocol."""
        return not self.spec or bool(self.block)

    def shut(self, context: Context) -> Decision | None:
        """Return the decision that keeps somebody out before any policy is asked."""
        allow = self.spec.get("allow")
        if allow is not None:
            groups = set(_object(allow).get("groups") or ()) & set(context.user.groups)
            users = {str(each).lower() for each in _object(allow).get("users") or ()}
            named = groups or context.user.name.lower() in users
            if not named and not context.user.grants:
                return Decision(allowed=False, rule="allow", reason="it is for others")
        method = context.session.method
        way = "certificate" if method in {"tunnel", "web"} else method
        if _object(self.block.get("login")).get(way) is False:
            return Decision(allowed=False, rule="login", reason=f"nobody gets in by {way}")
        return None

    def guard(self, context: Context, at: datetime) -> RoleGuard | None:
        """Return what keeps the role from being changed that somebody lands as, if one is said."""
        block = self.chosen(context, at).block
        user = _object(block.get("user"))
        own = _own(user, context)
        role = user.get("force") or context.connect.user or user.get("default") or own
        if not role or block.get("protectRole") is False:
            return None
        return RoleGuard(str(role), own=role == own)

    def chosen(self, context: Context, at: datetime) -> Choice:
        """Return the configuration that a connection gets."""
        upstream = _object(self.spec.get("upstream")) or None
        return policy_configs.choose(self.block, upstream, cel.bind(context, at))

    def closed(self, engine: Engine, context: Context, at: datetime) -> Decision | None:
        """Return what keeps somebody out besides policies: what is asked before or behind them."""
        shut = self.shut(context)
        if shut is not None or not engine.connect(context, at).allowed:
            return shut
        return self.unlanded(context, at)

    def unlanded(self, context: Context, at: datetime) -> Decision | None:
        """Return what keeps somebody out whom policies let in: there is no place for them."""
        chosen = self.chosen(context, at)
        own = _own(_object(chosen.block.get("user")), context)
        return chosen.refusal or policy_landing.refusal(chosen.block, context, own)


@dataclass(frozen=True, slots=True)
class Sources:
    """Files that were read, and the CA behind them (None: it is not to be asked)."""

    documents: Sequence[Document] = ()
    ask: Ask | None = None
    _read: dict[str, Policy] = field(default_factory=dict)

    def tests(self) -> list[Document]:
        """Return the documents with cases."""
        return [each for each in self.documents if each.kind == TEST]

    def all_policies(self) -> tuple[Policy, ...]:
        """Return the policies of the files, in their order."""
        return tuple(self.policy(each.name) for each in self.documents if each.kind == "Policy")

    def policies(self, names: Iterable[str]) -> tuple[Policy, ...]:
        """Return policies by name."""
        return tuple(self.policy(name) for name in names)

    def policy(self, name: str) -> Policy:
        """Return a policy; raise ManifestError when it is wrong, NotFoundError without it."""
        if name not in self._read:
            document = self._in_files("Policy", name)
            self._read[name] = (
                read_spec(name, self._asked("policy", name).get("spec"))
                if document is None
                else within(document, lambda: read_spec(name, document.value.get("spec")))
            )
        return self._read[name]

    def has_service(self, name: str) -> bool:
        """Tell whether a file has a service."""
        return self._in_files("Service", name) is not None

    def service(self, name: str, only: Iterable[str] | None = None) -> Ruled:
        """Return a service with its policies, that in its own block the last; or with ``only``."""
        document = self._in_files("Service", name)
        found = self._asked("service", name) if document is None else document.value
        spec = _object(found.get("spec"))
        labels = {str(key): str(value) for key, value in _object(spec.get("labels")).items()}
        postgres = _object(spec.get("postgres"))
        if only is not None:
            return Ruled(ServiceFacts(name, labels), self.policies(only), spec)
        policies = self.policies(str(each) for each in postgres.get("policies") or ())
        own = postgres.get("policy")
        if own is not None:
            policies = (*policies, read_spec(INLINE, own))
        return Ruled(ServiceFacts(name, labels), policies, spec)

    def _in_files(self, kind: str, name: str) -> Document | None:
        return next((d for d in self.documents if (d.kind, d.name) == (kind, name)), None)

    def _asked(self, kind: str, name: str) -> dict[str, Any]:
        if self.ask is None:
            raise NotFoundError(
                f"no file has the {kind} {name!r}", hint="name its file, or log in to ask the CA"
            )
        return self.ask(kind, name)


def within(document: Document, read: Callable[[], Any]) -> Any:
    """Read something of a document; what is wrong is told with its file and line."""
    try:
        return read()
    except SpecError as error:
        path = f"spec.{error.path}" if error.path else "spec"
        raise ManifestError([document.error(path, error.what)]) from None


def read_files(sources: Iterable[str]) -> list[Document]:
    """Read files, directories or ``-``; raise ManifestError."""
    found = manifest.join([_one(each) for each in sources])
    manifest.refuse_twice(found)
    return found


def _one(source: str) -> list[Document]:
    if source != "-":
        return manifest.read_path(Path(source))
    data = sys.stdin.buffer.read(manifest.MAX_BYTES + 1)
    return manifest.read_text(manifest.decode(data, "stdin"), "stdin")


def _own(user: Mapping[str, Any], context: Context) -> str | None:
    """Return the role that is called as the person, where people are themselves.

    That of somebody with a grant is taken to be called so, too: the integration says how it is.
    """
    person = context.user.name
    if user.get("fromGrant") and context.user.grants:
        return person
    end = f"@{user.get('stripDomain') or ''}"
    if not user.get("fromPerson"):
        return None
    if end == "@":
        return person
    return person[: -len(end)] if person.lower().endswith(end) else None


def _object(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInputError("a service's spec is no object")
    return value
