"""Secrets: what edges log in to PostgreSQL with, and people never see.

========  =========================================================================
secret    a password or a key, by a name; ``rotate`` gives it a new value and version
data key  encrypts one version of one secret, and nothing else
store key wraps the data keys; sealed by ``keys/seal.key``, and rotates by itself
refers    a service refers to a secret by ``fromSecret``; its edges get it, nobody else
========  =========================================================================
"""
