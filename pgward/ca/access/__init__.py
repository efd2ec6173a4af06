"""Just-in-time access at the CA: requests, what people decide about them, and grants.

Who may ask, what is covered and who decides is worked out in ``pgward.access``, without I/O; here
it is read from the store and written to it, always in the transaction of the one writer.
"""
