"""An ACME server (RFC 8555), so that certbot and its like keep PostgreSQL hosts certified.

Vocabulary: an **EAB key** is made by an administrator and says which names an *account* that is
bound with it may ask for (external account binding, RFC 8555 section 7.3.4); an **account** is a
key pair of a client; an **order** asks for a certificate of some *identifiers* (DNS names, IP
addresses); an **authorization** is the right to one identifier, proved by one of its
**challenges** (http-01, tls-alpn-01), which the **validator** checks over the network; to
*finalize* an order is to hand in a signing request; a **problem** is what is told of an error.

Pure: ``problems``, ``jwk``, ``jws``, ``messages``, ``identifiers``, ``states``, ``csr``,
``renewal``, ``binding``, ``documents``. In the store: ``accounts``, ``eab_keys``, ``orders``,
``nonces``, ``keys``. On the network: ``targets``, ``http01``, ``tlsalpn01``. ``server`` joins
them.
"""
