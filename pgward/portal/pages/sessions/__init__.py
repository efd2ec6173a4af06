"""``/sessions``: database sessions that run and that were, what was said, and recordings."""

from pgward.portal.pages.sessions import lists, one, recording

PAGES = (lists, one, recording)
