"""How each program or driver wants to be told; one family of them a module."""
