"""How strong a way in is: what the rule that decides asks of who comes through it."""

from enum import Enum

from pgward.hba.decide.connection import Encryption
from pgward.hba.decide.verdict import OUTSIDE_METHODS, PASSWORD_METHODS, binds_name
from pgward.hba.syntax.rules import LOCAL, Rule, asks_for_certificate
from pgward.hba.syntax.versions import Abilities


class Strength(Enum):
    """From the weakest to the strongest; the value is what it is called."""

    NOTHING = "nothing"
    IDENT = "ident"
    CLEAR = "clear"
    MD5 = "md5"
    ANY_CERTIFICATE = "any-certificate"
    PASSWORD = "password"  # noqa: S105 - what a way in is called
    SCRAM = "scram"
    PEER = "peer"
    OUTSIDE = "outside"
    PASSWORD_AND_ANY = "password+any-certificate"  # noqa: S105 - as above
    CERTIFICATE = "certificate"
    CERTIFICATE_AND_MORE = "certificate+password"

    @property
    def rank(self) -> int:
        """Its place, the weakest first."""
        return _RANKS[self]

    @property
    def meaning(self) -> str:
        """What it takes to get in."""
        return _MEANINGS[self]


_RANKS = {each: number for number, each in enumerate(Strength)}
_MEANINGS = {
    Strength.NOTHING: "no proof at all (trust)",
    Strength.IDENT: "the word of the client's own machine (ident)",
    Strength.CLEAR: "a password that crosses the network as it is",
    Strength.MD5: "a password, hashed with md5",
    Strength.ANY_CERTIFICATE: "any valid client certificate, whoever it names",
    Strength.PASSWORD: "a password that the server gets to see, inside encryption",
    Strength.SCRAM: "a password by SCRAM, which neither side gives away",
    Strength.PEER: "the word of the kernel of this machine (peer)",
    Strength.OUTSIDE: "the word of another authority (gss, sspi, oauth)",
    Strength.PASSWORD_AND_ANY: "a password, and any valid client certificate",
    Strength.CERTIFICATE: "a client certificate that names the role",
    Strength.CERTIFICATE_AND_MORE: "a client certificate that names the role, and a second proof",
}


def of(rule: Rule, able: Abilities, encryption: Encryption) -> Strength | None:
    """Return the strength of a rule over connections so encrypted; None where it lets nobody in."""
    if rule.method == "reject":
        return None
    proof = rule.method in PASSWORD_METHODS | OUTSIDE_METHODS - {"ident"}
    if binds_name(rule, able):
        return Strength.CERTIFICATE_AND_MORE if proof else Strength.CERTIFICATE
    if asks_for_certificate(rule, able):
        return Strength.PASSWORD_AND_ANY if proof else Strength.ANY_CERTIFICATE
    return _alone(rule, encryption)


def _alone(rule: Rule, encryption: Encryption) -> Strength:
    """Return what the method is worth by itself."""
    method = rule.method
    if method in _BY_METHOD:
        return _BY_METHOD[method]
    if method in OUTSIDE_METHODS:
        return Strength.OUTSIDE
    open_ = rule.kind != LOCAL and encryption is Encryption.NONE
    return Strength.CLEAR if open_ else Strength.PASSWORD


_BY_METHOD = {
    "trust": Strength.NOTHING,
    "ident": Strength.IDENT,
    "md5": Strength.MD5,
    "scram-sha-256": Strength.SCRAM,
    "peer": Strength.PEER,
}
