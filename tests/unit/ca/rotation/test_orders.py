from pgward.pki import crl


def order(ca, name):
    known = ca.authority.standing.generations
    rotation = ca.get(name)
    need = {
        ("user", "trust-both"): "client-probe",
        ("user", "trust-new"): "take",
        ("server", "trust-both"): "server-probe",
        ("server", "issue-new"): "present",
        ("server", "trust-new"): "take",
    }[rotation.hierarchy, rotation.phase]
    issuer = crl.key_id(known.get(rotation.new_issuing).certificate).hex()
    fields = {"rotation": name, "phase": rotation.phase, "need": need, "issuer": issuer}
    return fields | {"version": rotation.version}


def test_nothing_is_asked_where_nothing_is_replaced(rotating_ca):
    assert rotating_ca.ask(rotating_ca.edge()) == {"renew": False, "orders": []}


def test_the_user_ca_is_tried_and_no_certificate_renewed(rotating_ca):
    edge = rotating_ca.edge()
    name = rotating_ca.start("user-root").id
    assert rotating_ca.ask(edge) == {"renew": False, "orders": [order(rotating_ca, name)]}
    rotating_ca.report(edge, name)
    assert rotating_ca.ask(edge) == {"renew": False, "orders": []}
    assert rotating_ca.ask(edge, part=1)["orders"] == [order(rotating_ca, name)]
    rotating_ca.advance(name, without=())
    assert rotating_ca.ask(edge) == {"renew": False, "orders": []}


def test_the_server_ca_needs_a_renewal_in_every_phase(rotating_ca):
    edge = rotating_ca.edge()
    rotating_ca.clock.move(seconds=1)
    name = rotating_ca.start("server-root").id
    for phase in ("trust-both", "issue-new", "trust-new"):
        assert rotating_ca.get(name).phase == phase
        assert rotating_ca.ask(edge) == {"renew": True, "orders": [order(rotating_ca, name)]}
        rotating_ca.clock.move(seconds=1)
        rotating_ca.renew(edge)
        assert rotating_ca.ask(edge) == {"renew": False, "orders": [order(rotating_ca, name)]}
        rotating_ca.report(edge, name)
        assert rotating_ca.ask(edge) == {"renew": False, "orders": []}
        rotating_ca.clock.move(seconds=1)
        rotating_ca.advance(name)
    assert rotating_ca.get(name).phase == "done"
    assert rotating_ca.ask(edge) == {"renew": False, "orders": []}
