"""What was found, written for people and for programs. Pure.

Each takes a ``Report``: the findings, those that comments ignore among them, and the rules that
were looked at.
"""
