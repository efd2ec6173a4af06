"""Passkeys and security keys (WebAuthn level 3) through the CA's own login page.

A *passkey* is a credential that an authenticator made for the *site*, the page's host (WebAuthn
calls it the relying party). A browser that comes to the page is on a *visit*: it logs in, confirms
who has given a password, or registers a new passkey. A visit is sealed in the page's address and
names the device that began it. What the browser takes back to that device, over loopback, is a
*voucher*: sealed as well, good for one visit of one device, for two minutes. Whoever has only the
address, or lures somebody onto it, gets nothing: the voucher goes to where the browser is, and
is of use to the device that began and to no other.
"""
