"""The map and the roles of a server, in step with the role maps at the CA.

``wanted`` reads what the CA tells, ``facts`` what the server tells, ``section`` reads and writes
our lines of pg_ident.conf, ``planning`` says what follows from the three, ``statements`` says it in
SQL; all of these are pure. ``console`` speaks to the server, ``sync`` does one round.
"""
