"""PostgreSQL's configuration files, read as each version from 11 to 18 reads them.

Vocabulary:

token     one word of pg_hba.conf or pg_ident.conf, and where it stands
field     tokens that commas join
line      a logical line: one that backslashes may continue over several physical lines
rule      what a line of pg_hba.conf says (a record, in the manual's words)
mapping   what a line of pg_ident.conf says
setting   what a line of postgresql.conf says

All pure: bytes and words in, values or a ``BadLineError`` with line and column out. What a
version would refuse is refused; nothing is guessed. (PostgreSQL manual, chapters 19.1, 20.1 and
20.2; src/backend/libpq/hba.c; src/backend/utils/misc/guc-file.l.)
"""
