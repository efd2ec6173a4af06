"""The agent of a database host: one long-running process that keeps PostgreSQL as the CA wants it.

A **duty** is one thing that it keeps doing (``duty``). Each has a thread of its own (``runner``),
so that one which hangs holds up no other: a stuck server stops no revocation list, a CA that does
not answer stops nothing else. A duty's **turn** comes when it is due, when the CA has **news** of a
part that it follows (``news``), when another duty woke it, and at SIGHUP.

To join another duty: a class with what ``duty.Duty`` asks for, and one line in ``_duties`` of
``pgward/hba/agent_commands.py``. It gets what it works with when it is made: the ``Host``, the
machine's ``Machine`` (threads share it), the ``Spool`` for audit events, whose actions stand in
``pgward.audit.events.HOST_ACTIONS``. Its ``run`` may block as long as it must, does one round, and
says in how many seconds it is due again; what it cannot do it raises as PgwardError, or tells in
``Done.problems``: the log, ``--status``, ``/readyz`` and ``/metrics`` say so until a round without.
Files are changed under ``pgward.hba.install.apply.exclusive``. The process is the server's own
account, also where root started it.

| part of the news | changes with | is followed by |
|---|---|---|
| ``crls`` | a new revocation list of the user CAs | ``material``, ``sessions`` |
| ``trust`` | a root that comes or goes | ``material`` |
| ``orders`` | the phase of a rotation | ``material`` |
| ``roles`` | role maps, and while there are any, people and groups | ``roles`` |
| ``endings`` | login sessions that were ended, people who were blocked | ``sessions`` |

Another part is a line in ``pgward/ca/host_news.py``.
"""
