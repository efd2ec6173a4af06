"""Who can reach what, and by which path: read from what is declared and recorded, never kept.

* **right**: somebody, or a group, and what lets them in: one line of the report.
* **path**: the kind of what lets them in (``allow``, ``grant``, ``flow``, ...).
* **place**: what a right is about, in whose order the report is: a service, a role map, a server.
* **standing**: it has no end, so it may be there though nobody uses it.
"""
