"""A PostgreSQL server as it is found: its directory, its files, its answers.

Everything here reads, except ``disk``, which writes files as the server's account, and
``reloading``, which has a running server read its files.
"""
