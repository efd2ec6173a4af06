"""Configurations for programs that connect to PostgreSQL.

* **facts**: all that a client must know to reach one service: where, as whom, with which files.
* **format**: one way to write facts down, for one program or driver; pure, in ``formats``.
* **way**: through the tunnel's reserved port on loopback, or *native*, straight to PostgreSQL.
* **service file**: libpq's ``pg_service.conf``, in which pgward keeps a section a service.
"""
