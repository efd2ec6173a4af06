"""Recordings of database sessions at the CA: who decrypts them, where they are, who reads them.

``keys`` makes, rotates and opens the identities that edges encrypt for; ``intake`` takes parcels
of pieces; ``reading`` decrypts; ``endings`` are sessions that somebody wants to end;
``recordings`` joins what the routes work with.
"""
