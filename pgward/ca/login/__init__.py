"""Logging in, by whatever method, to the same login session.

A *method* proves who somebody is (`method.Method`); a *gate* is what stands between that and a
session: the account's standing, its rules, its devices (`gates`). Both may *ask* the person for
something (`attempt.Ask`). What is under way is an *attempt*; between two requests it travels as a
*flow*: sealed, in the hands of the client, so that nothing is stored for people who proved nothing.
The *engine* leads from the one to the next. The *desk* is what all of them work with.
"""
