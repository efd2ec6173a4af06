"""Handles: how people come to an edge without a certificate.

=================  ================================================================
one-time password  stands in the place of the user name, and lets in once
token              its id stands there; its secret is the password, for some hours
login              what the edge is told of whoever came so: who, in which session
=================  ================================================================

All of them rest on a login session, and end with it. Their forms are in ``pgward.core.handles``.
"""
