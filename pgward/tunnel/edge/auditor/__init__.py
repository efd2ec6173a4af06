"""The auditor: a process of an edge that makes records of what is on tape, and delivers them.

``attendant`` is the edge's end: it starts the process, and again when it dies. ``tapes`` gives the
records of one tape, ``work`` chains them into chunks, ``shelf`` keeps those on disk, ``checkpoint``
says where to go on, ``delivery`` brings chunks to a **target** (``ca``, or a sink), each at its own
pace; ``process`` joins all. The **life line** is a pipe from the edge: the auditor ends with it.

No record is lost or doubled by ``kill -9``: a chunk's file comes into being whole, and says how
many records of each tape have been chained since the checkpoint; read again from there, the same
tape gives the same records, and those are left out.
"""
