"""Rules that allow or deny: conditions in CEL over who asks, from where, when, and for what. Pure.

policy     a named list of rules
rule       an effect, ALLOW or DENY, a priority, and a condition
condition  ``any``, ``all`` or ``none`` of matches; a match is one CEL expression
decision   the effect, and the rule that it comes from
statement  what a client wants executed: its kind, tables and text, by PostgreSQL's own grammar
"""
