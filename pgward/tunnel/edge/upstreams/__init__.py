"""Connections to PostgreSQL on which the edge itself logs in (``mode: postgres``).

credentials  what the edge logs in with: a password, or a certificate made for one person and role
channel      a connection before the relay has it: a plain socket, or TLS
jump         an SSH server that connects to PostgreSQL for the edge
attributes   what a server must be (``targetSessionAttrs``): a primary, a standby, writable
health       whether a server answers, asked from time to time
"""
