"""The process beside databases that makes what grants say, and takes it away at their end.

===========  ====================================================================
integration  one PostgreSQL server, as an administrator declared it at the CA
assignment   an integration with all that this connector should do there now
keeper       the thread of one integration: it works the server, and ends what is over in time
server       the way to PostgreSQL: settings, secrets, TLS
feed         the CA's word, by long polls; **kept** on disk for a start without the CA
CA's clock   the only one that counts: known from the CA's answers, and from what passed since
report       what came of it, on disk until the CA has it
===========  ====================================================================

It dials out only: to the CA and to PostgreSQL. Without the CA it ends what is over; it gives
nothing until the CA has spoken since the process began, for what is on disk may be old.
"""
