"""The tables of CAs over the years: generations, rotations, who was seen to trust, replicas."""

import sqlalchemy as sa

from pgward.ca.store.schema import Json, UtcTime, metadata

authorities = sa.Table(
    "authorities",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    # Certificates of the same name and key by a predecessor: DER in base64.
    sa.Column("cross_certificates", Json, nullable=False),
    # Where the private key is: file:keys/user-issuing-2.key, say.
    sa.Column("key", sa.String(1024), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("retired_at", UtcTime),
    sa.Column("crl_until", UtcTime),
)

rotations = sa.Table(
    "rotations",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("target", sa.String(32), nullable=False),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("phase_since", UtcTime, nullable=False),
    # The snapshot version that an edge must have reached to know of the phase.
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("old", Json, nullable=False),
    sa.Column("new", Json, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("started_by", sa.String(128), nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("history", Json, nullable=False),
)

# What a machine, or one worker of an edge (`part`), told of the phase that a rotation is in.
rotation_reports = sa.Table(
    "rotation_reports",
    metadata,
    sa.Column("rotation", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("parts", sa.Integer, nullable=False),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("ok", sa.Boolean, nullable=False),
    sa.Column("message", sa.String(1024), nullable=False),
    sa.Column("reported_at", UtcTime, nullable=False),
)

# The processes that serve this store, and which generations each knows and has keys of.
ca_replicas = sa.Table(
    "ca_replicas",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("address", sa.String(300), nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("digest", sa.String(1024), nullable=False),
    sa.Column("missing_keys", Json, nullable=False),
)
