"""Pages to which a terminal or a message sent a browser: a sealed link, and no login session."""
