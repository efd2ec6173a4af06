"""Accounts: new, shown, changed, deactivated, with another key (RFC 8555 section 7.3)."""

from pgward.ca import caller
from pgward.ca.acme import accounts, binding, documents, eab_keys, jwk, jws, keys, messages, orders
from pgward.ca.acme.accounts import Account
from pgward.ca.acme.authentication import Verified
from pgward.ca.acme.documents import Links
from pgward.ca.acme.exchange import Reply, Request
from pgward.ca.acme.jwk import AccountKey
from pgward.ca.acme.messages import NewAccount
from pgward.ca.acme.office import Office
from pgward.ca.acme.problems import AcmeError, malformed, not_found, unauthorized
from pgward.ca.acme.states import Account as State
from pgward.ca.store import Transaction


def new_account(office: Office, request: Request, asking: Verified) -> Reply:
    """Return the account of this key, or make it (section 7.3)."""
    if asking.account is not None:
        raise malformed("a new account needs jwk, not kid")
    wanted = messages.new_account(asking.payload())
    links = Links(request.origin)
    with office.store.read() as connection:
        existing = accounts.find_by_key(connection, asking.key)
    if existing is not None:
        return _existing(links, existing)
    if wanted.only_existing:
        raise AcmeError("accountDoesNotExist", "there is no account with this key")
    keys.check(office, asking.key.spki_sha256)
    made = _create(office, request, asking.key, wanted)
    return _reply(links, made, 201)


def account(office: Office, request: Request, asking: Verified, account_id: str) -> Reply:
    """Show an account (POST-as-GET), or change its contacts or state (7.3.2, 7.3.6)."""
    found, links = asking.owner, Links(request.origin)
    if found.id != account_id:
        raise not_found()
    if asking.message.is_empty:
        return _reply(links, found, 200)
    change = messages.account_change(asking.payload())
    status = State.DEACTIVATED if change.deactivate else None
    action = "acme.account.deactivate" if change.deactivate else "acme.account.update"
    with office.acts.act(found.actor, action, found.id) as act:
        act.worth_recording = status is not None or change.contact not in (None, found.contact)
        changed = accounts.update(act.transaction, found.id, contact=change.contact, status=status)
    return _reply(links, changed, 200)


def account_orders(office: Office, request: Request, asking: Verified, account_id: str) -> Reply:
    """List an account's orders, a page at a time (section 7.1.2.1)."""
    asking.require_empty()
    if asking.owner.id != account_id:
        raise not_found()
    after = request.query.removeprefix("cursor=") if request.query else None
    with office.store.read() as connection:
        ids, following = orders.list_ids(connection, account_id, after)
    links = Links(request.origin)
    reply = Reply(200, documents.orders(links, ids))
    if following is not None:
        address = links.of("account", account_id, f"orders?cursor={following}")
        reply.links.append(f'<{address}>;rel="next"')
    return reply


def key_change(office: Office, request: Request, asking: Verified) -> Reply:
    """Give an account another key, which signs, too (section 7.3.5)."""
    found, links = asking.owner, Links(request.origin)
    inner = jws.parse_inner(asking.payload())
    if inner.key is None or inner.kid is not None:
        raise malformed("the inner JWS needs jwk, the new key, and no kid")
    if inner.url != request.url:
        raise malformed("the inner JWS is for another url")
    inner.key.verify(inner.algorithm, inner.signed, inner.signature)
    change = messages.key_change(inner.json())
    if change.account != asking.message.kid or jwk.read(change.old_key) != found.key:
        raise malformed("the inner JWS is about another account or another old key")
    keys.check(office, inner.key.spki_sha256)
    with office.acts.act(found.actor, "acme.account.key", found.id) as act:
        holder = accounts.find_by_key(act.transaction.connection, inner.key)
        if holder is not None:
            where = {"Location": links.account(holder.id)}
            raise AcmeError("malformed", "another account has this key", status=409, headers=where)
        changed = accounts.update(act.transaction, found.id, key=inner.key)
    return _reply(links, changed, 200)


def _existing(links: Links, existing: Account) -> Reply:
    if existing.status is not State.VALID:
        raise unauthorized(f"the account of this key is {existing.status}")
    return _reply(links, existing, 200)


def _create(office: Office, request: Request, key: AccountKey, wanted: NewAccount) -> Account:
    settings, client, now = office.settings, caller.client.get(), office.now()
    if settings.terms and not wanted.agreed:
        raise malformed(f"the terms of service must be agreed to: {settings.terms}")
    with office.acts.act(caller.UNKNOWN, "acme.account.create") as act:
        kid = _bind(office, act.transaction, request.url, key, wanted)
        if accounts.find_by_key(act.transaction.connection, key) is not None:
            raise malformed("the account was made just now: try again", status=409)
        made = accounts.create(act.transaction, key, wanted.contact, kid, now=now, client=client)
        act.actor, act.target = made.actor, made.id
        act.details |= {"eab_key": made.eab and made.eab.name, "contact": list(made.contact)}
    return made


def _bind(
    office: Office, transaction: Transaction, url: str, key: AccountKey, wanted: NewAccount
) -> str | None:
    """Use an EAB key up and return its id; None where none is needed and none was sent."""
    if wanted.binding is None:
        if office.settings.external_account_required:
            raise AcmeError(
                "externalAccountRequired",
                "an account needs an external account key: pgward ca acme key create",
            )
        return None
    kid, message = binding.read(wanted.binding, url, key)
    if eab_keys.find(transaction.connection, kid) is None:
        raise binding.unknown_key()
    binding.verify(message, office.master.eab_secret(kid))
    eab_keys.use(transaction, kid, office.now())
    return kid


def _reply(links: Links, found: Account, status: int) -> Reply:
    headers = {"Location": links.account(found.id)}
    return Reply(status, documents.account(links, found), headers)
