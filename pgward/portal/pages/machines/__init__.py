"""Machines that enrolled, the servers that connectors work, and the authority itself."""

from pgward.portal.pages.machines import (
    authority,
    contents,
    expiry,
    fleets,
    integrations,
    ledger,
    log,
    providers,
    setting_up,
)

# Setting up first: its path is not the name of an integration.
PAGES = (fleets, setting_up, integrations, contents, authority, ledger, expiry, log, providers)
