"""``/sessions``: database sessions that run and that were, what was said, and recordings."""
