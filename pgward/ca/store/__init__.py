"""The authority's state in SQL: SQLite (WAL) by default, PostgreSQL for replicas.

A **transaction** is written whole or not at all, with its audit events. The **version**
is a counter that grows with each change that an edge must know.
"""

from pgward.ca.store.database import Store
from pgward.ca.store.opening import create, open_store
from pgward.ca.store.transaction import Transaction

__all__ = ["Store", "Transaction", "create", "open_store"]
