"""SQL in the browser: the CA's own web client of an edge.

Everything that a person runs there goes through an edge, as from a tunnel: the same policy, record
and limits. The CA process is a client like any other; docs/adr/0034 says how it proves for whom.

channel    a link to an edge that this process opened for a person, and its end
reader     takes PostgreSQL's answers out of bytes, and keeps no more of a value than is wanted
dialogue   one logged-in connection: a statement at a time, its rows in pages
editor     what somebody has open in a browser: a text, a connection, and what came of it last
editors    all that this process has; each belongs to one login session, and ends with it
"""
