"""Records: what an auditor reads of database sessions, one JSON object an event.

record     one event, made of frames of the tape; its ``id`` is its place on tape
joining    a statement with its parameters, rows, duration and SQLSTATE: one record an execution
exchange   one message of a client that is answered, and its answers
piece      a part of a text that is too large for one record; pieces are records of type TEXT

Every name of a field is in ``fields``.
"""
