"""Who is who: people with groups, passwords and login sessions; machines with join tokens."""
