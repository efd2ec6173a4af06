"""Second factors: each kind in a file of its own, and the *desk* where they are proved.

A factor gives a *challenge* for a person who has it, and judges the answer. At a login the gate
`gates.second_factor` asks; whoever needs a fresh proof later asks in the same way.
"""
