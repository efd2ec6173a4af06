"""What an edge understands of a session while its bytes pass: pure, without sockets.

``upward`` reads what a client says, strictly; ``downward`` what PostgreSQL answers, by its headers.
Both pass on what they were given, and put other bytes in its place where a rule says so.
"""
