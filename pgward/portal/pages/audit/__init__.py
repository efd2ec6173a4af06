"""``/audit``: what happened, who saw to it, and proof that the record of it is whole."""

from pgward.portal.pages.audit import chain, events, overview, reach, searches, statements

PAGES = (overview, events, statements, searches, chain, reach)
