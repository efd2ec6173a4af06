"""``pgward top``: what the agent does, on one screen.

``source`` asks the agent, ``figures`` makes rates of two answers, ``words`` writes them as people
read them, ``app`` is the screen.
"""
