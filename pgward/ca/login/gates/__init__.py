"""What stands between a proven identity and a login session, each in a file of its own."""
