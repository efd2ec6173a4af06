"""Telling people about access requests: by e-mail, a webhook, and a chat's webhook.

Vocabulary:

* **notice**: something that happened to a request, and whom it concerns. It is written in the
  transaction in which it happens (an *outbox*), so it is neither lost nor told of what never was.
* **reminder**: a notice for later. What makes it useless *withdraws* it, in the same transaction.
* **channel**: `email`, `webhook` or `chat`; the settings say which there are.
* **delivery**: one notice on one channel to one person, or to a channel that many read. The leader
  among the replicas sends it, again after failures, until it is *sent* or given up (*dead*).
  It may come twice, always with the same id.
* **link**: an address in a message where a person decides. Looking at it changes nothing.
"""
