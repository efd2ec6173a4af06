"""The CA's word on this host's roles, over its machine identity."""

from pgward.client.machine import Machine
from pgward.core.errors import NotFoundError, UnavailableError
from pgward.hba.roles.wanted import Wanted

PATH = "/v1/host/roles"


def ask(machine: Machine) -> Wanted:
    """Return who is who here; raise UnavailableError, DeniedError."""
    try:
        reply = machine.call("GET", PATH, {})
        fields, digest = reply["roles"], str(reply["digest"])
    except NotFoundError as error:
        raise UnavailableError(
            "the CA knows no role maps", hint="its version is older than this one"
        ) from error
    except (KeyError, TypeError) as error:
        raise UnavailableError("the CA's answer about roles cannot be read") from error
    return Wanted.read(digest, fields)


class Asking:
    """Asks again and again; what it knows already is not sent again."""

    def __init__(self) -> None:
        self._known: Wanted | None = None

    def ask(self, machine: Machine) -> Wanted:
        """Return who is who here; raises what ``ask`` raises."""
        known = self._known
        if known is None:
            known = self._known = ask(machine)
            return known
        reply = machine.call("GET", PATH, {"have": known.digest})
        if reply.get("roles") is not None:
            self._known = Wanted.read(str(reply.get("digest")), reply["roles"])
        return self._known or known
