"""Who connected, out of PostgreSQL's own log, as audit events.

``stderr_log`` (with ``prefix``), ``csv_log`` and ``json_log`` turn bytes into ``Record``s,
``messages`` says what a record tells of a connection, ``joining`` makes one attempt of what belongs
together, ``events`` makes audit events of attempts, ``flood`` keeps those of a hostile client few;
all of these are pure. ``places`` finds where a server logs, ``following`` reads on from where it
was, whatever became of the files.

Only messages about connections are read: no statement, and so no password, gets any further.
"""
