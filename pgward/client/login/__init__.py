"""Logging in at the CA, by whatever method it offers, and what that leaves on this machine.

The CA leads the conversation (`conversation`): it *asks*, and an *answerer* answers, on a terminal
(`terminal_answers`) with a browser and a listener on loopback for it (`loopback`). What comes of
it is *installed* whole (`installing`), and *ended* by a logout.
"""
