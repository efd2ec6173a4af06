"""Ways to prove anew, inside a login session, who somebody is: each in a file of its own."""
