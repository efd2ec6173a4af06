"""Copies of a CA: an encrypted *archive*, what restores it, and the move to another database."""
