"""Which line decides about a connection, and what it asks for, as PostgreSQL would answer.

Vocabulary:

connection   who comes from where, to what, and how it is encrypted
world        what a server knows beside its files: members of roles, its own addresses
decision     the first rule that matches, and why each earlier one does not
evidence     what the client can show: a certificate, the right password
verdict      in or out, and why

Pure. Where a regular expression is beyond us, ``BeyondUsError`` is raised rather than a guess made.
(``check_hba``, ``check_usermap`` in src/backend/libpq/hba.c; ``ClientAuthentication`` and
``CheckCertAuth`` in auth.c; manual, chapter 20.)
"""
