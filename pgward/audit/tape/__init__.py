"""The tape: what was said in database sessions, at the moment that it was said.

A worker of an edge writes, the auditor reads; both may be killed at any moment.

tape      a directory of segments, one a start of a worker; its name, 16 hex letters, is the *boot*
segment   a file of a fixed size, reserved on disk before it is needed, and mapped into memory
frame     one entry: kind, session, time, data, and a check sum over them
tail      where a segment's frames end; it moves last, so a frame before it is whole
position  a frame's place on tape: segment number and offset in one number that only grows
answer    bytes of the backend, for a recording; encrypted
torn      frames that a power cut spoiled; the tape ends before them
"""
