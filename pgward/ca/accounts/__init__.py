"""Passwords of accounts of servers: made by the CA, put there by the connector, kept as secrets.

Vocabulary: a password that is to come is **pending** until its login was tried at the server; then
it is the secret's value. One account's change is under way at a time, and is gone on with after a
crash wherever that was: the same pending password is put there again.
"""
