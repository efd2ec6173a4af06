"""A running server, asked by SQL about its files and about what it made of them.

Nothing is needed of its machine but a connection. Where the role may read files, they are read as
they are, with their comments; elsewhere their lines are made again from the server's views, and
what those do not show is said. Nothing is ever written or loaded. (PostgreSQL manual, chapters
54.9, 54.10 and 54.12, and section 9.28.10.)
"""
