"""What a machine says of itself: its *posture*, reported at login and at renewal.

Each *fact* is yes, no or unknown, with how it was found. Nothing here proves anything: whoever owns
the machine can make it say what they like. It catches the forgotten laptop, not the attacker.
One file an operating system, each a table of *probes*; ``gather`` runs them side by side, needs no
special rights, takes less than two seconds, and never fails.
"""
