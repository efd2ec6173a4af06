"""Who can reach what, and by which path: read from what is declared and recorded.

Reviews keep what it was at their beginning.

* **right**: somebody, or a group, and what lets them in: one line of the report.
* **path**: the kind of what lets them in (``allow``, ``grant``, ``flow``, ...).
* **place**: what a right is about, in whose order the report is: a service, a role map, a server.
* **standing**: it has no end, so it may be there though nobody uses it.
* **review**: rights as they were at its beginning, each of which somebody confirms or ends.
* **reviewer**: who may say so of a right: its owners, or administrators; never of their own.
* **noted**: ended, but not by pgward: an **obstacle** says what somebody has to do.
"""
