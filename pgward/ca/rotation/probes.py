"""Probe certificates: of the next CA, for some minutes, in nobody's name."""

from collections.abc import Sequence
from datetime import timedelta

from pgward.ca.issuing import profiles
from pgward.ca.issuing.profiles import Profile
from pgward.pki import chain

SUBJECT = "pgward/probe"
"""No user, role or host can be called so: a slash is in no name that pgward gives."""
SERVER_NAME = "probe.pgward.invalid"
"""The DNS name of a server probe; nothing under .invalid exists (RFC 2606)."""
LIFETIME = timedelta(minutes=5)

CLIENT = Profile(
    "client probe", timedelta(minutes=10), profiles.LOGIN.key_usage, purpose=chain.CLIENT_AUTH
)
SERVER = Profile(
    "server probe",
    timedelta(minutes=10),
    profiles.SERVER.key_usage,
    purpose=chain.SERVER_AUTH,
    subject_alt_names=True,
)


def profile(hierarchy: str) -> tuple[Profile, Sequence[str]]:
    """Return what a probe of a hierarchy (``user`` or ``server``) is, and its DNS names."""
    return (CLIENT, ()) if hierarchy == "user" else (SERVER, (SERVER_NAME,))
