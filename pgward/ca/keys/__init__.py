"""Where the keys of CAs are, and how to sign with them there.

reference   names one key in one line of text: ``file:PATH``, ``pkcs11:…`` or ``exec:PROGRAM#KEY``
place       where new keys go: a reference without the key
keeper      makes keys in its place, and finds them again by their references
foreign key a key object whose private half is elsewhere: a token's, or a helper program's
secret      what opens a place: the passphrase of the files, or the PIN of the token
"""
