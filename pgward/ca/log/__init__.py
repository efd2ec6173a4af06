"""The transparency log: every certificate is a leaf of a Merkle tree (RFC 9162 hashing).

The log's own *key* signs tree *heads*. The *audit* compares each *row* of the store with its leaf,
reads the log's *claims* of revocation and purge, and the log with its signed heads.
"""
