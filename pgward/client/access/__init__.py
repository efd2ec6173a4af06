"""Just-in-time access as people see it: asking for it, deciding about it, having it.

* **offer**: what an access flow lets somebody ask for at a service, and how.
* **request**: somebody asked; it waits, was approved, denied or cancelled, or lapsed.
* **grant**: what an approved request gives, until a time; it is called by its request's id.
* **short id**: the beginning of a request's id, as far as it tells it from the others.

* **review**: rights, by number, of which owners confirm each or end it.

``calls`` speaks to the CA; ``objects``, ``words``, ``numbers`` and ``offers`` are pure.
"""
