"""Every way into a server: for each role and database the weakest and the strongest.

Vocabulary:

strength   what a way in asks for, in an order from nothing to a certificate and a password
channel    how a connection comes: the Unix socket, loopback, the network without and with TLS
cell       client addresses that no rule tells apart
population the roles and databases that are asked about
outcome    for each channel the weakest and the strongest way in

Nothing is sampled: the addresses are cut where the rules cut them, and each rule takes what those
before it left over. Roles and databases whose outcomes are the same are shown as one. Pure.
"""
