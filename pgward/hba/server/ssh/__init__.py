"""A server on another machine, by SSH: pgward is here only, and there a shell and coreutils.

Each thing done there is one command: a fixed script of ``scripts``, what it works on as its
arguments, and content on its standard input, whose length it checks, as a connection may be lost.
"""
