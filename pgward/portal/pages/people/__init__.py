"""Pages about people: who they are, how they sign in, what they reach; and what is secret."""

from pgward.portal.pages.people import (
    devices,
    groups,
    invitations,
    listing,
    person,
    secrets,
    sign_in,
    welcome,
)

PAGES = (listing, person, sign_in, invitations, groups, devices, secrets, welcome)
"""The modules that have a router."""
