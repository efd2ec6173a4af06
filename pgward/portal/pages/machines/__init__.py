"""Machines that enrolled, the servers that connectors work, and the authority itself."""
