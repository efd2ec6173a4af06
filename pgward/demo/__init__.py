"""``pgward demo``: every part as a process of its own, joined, used and shown.

This is a composition root: it starts the parts through their commands, as people do, looks at
what comes back, and holds no logic of theirs.

Vocabulary:

layout      the directories and files of one demo, all below one root that is removed in the end
crew        the processes of a demo, each in a session of its own, all ended in the end
shield      a stretch of work that a signal does not interrupt, so that nothing is left unowned
site        the parts once they run: authority, database, edge, person and tunnel
proof       one thing that a site must show, as a function that returns facts or raises DemoError
story       what is printed, with timings
"""
