"""Puts the pages onto the CA's application."""

from fastapi import FastAPI

from pgward.ca.notices.stored import StoredRequests
from pgward.ca.service.context import Context
from pgward.portal.visits import decide, passkey


def install(app: FastAPI, context: Context) -> None:
    """Serve every page; they are for browsers, and no part of the API's description."""
    passkey.install(app, context)
    decide.install(app, context, StoredRequests())
