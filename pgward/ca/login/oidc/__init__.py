"""OpenID Connect: the company's identity provider says who a person is, and in which groups.

The **provider** is at the **issuer**, an HTTPS address that names it exactly. We are its
**client**, or relying party. What it says of itself is its **metadata** (discovery), its public
keys are its **key set**. It says who somebody is in an **ID token**, signed, as **claims**; a
person is known by issuer and **subject** and by nothing else. A **refresh token** lets us ask
again later. By a **logout token** the provider itself ends logins (back-channel logout).

Modules without I/O: `metadata`, `key_set`, `signed`, `id_token`, `logout_token`, `claims`,
`authorization`, `device_code`. `fetch` speaks HTTPS, `provider` keeps what was fetched, and
`relying_party` does the protocol with both.
"""
