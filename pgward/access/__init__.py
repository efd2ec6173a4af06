"""Just-in-time access, without I/O: what is asked for, who decides, what a server must look like.

Vocabulary:

* **integration**: a PostgreSQL server (all its databases) that a connector makes roles on.
* **connector**: the process that does it, with an account of few rights; it dials out only.
* **rights**: memberships in roles, and privileges on objects, which may be named by patterns.
* **role bundle**: rights with a name. On a server it is a role that nobody can log in as, and that
  exists as long as somebody has it.
* **access flow**: who may ask for which rights, for how long, and who says yes.
* **access request**: somebody asks; people (or a rule) decide. Approved, it becomes a **grant**:
  rights of one person on one service, until a time.
* **access role**: the role that a person with a live grant is on a server; it is made for that,
  and goes with the last grant.
* **wanted**: all that an integration should have at a time; the planner compares it with the facts
  of a server and says which statements lead there. What is not wanted and ours goes.
"""
