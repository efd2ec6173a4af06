"""The edge: ends the mTLS of links and clients, decides, and forwards to PostgreSQL.

``state`` decides (pure); ``feed`` brings what it decides by from the CA; ``accept`` does
handshakes and routing; ``sessions`` holds the live links, ``idle`` ends those without a
session; ``journal`` says what is put on record, in a ``pgward.client.spool``; ``server`` joins all.
"""
