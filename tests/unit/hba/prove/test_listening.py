from ipaddress import ip_address

from pgward.hba.prove import listening

OWN = ["127.0.0.1", "10.0.0.5", "::1", "fe80::1%eth0", "fd00::5"]


def found(addresses: str, directories: str = "/run") -> list[str]:
    places, lost = listening.places(addresses, 5432, directories, OWN)
    assert lost == []
    return [str(each) for each in places]


def test_all_of_this_hosts_addresses() -> None:
    assert found("*") == ["127.0.0.1", "10.0.0.5", "::1", "fd00::5", "fe80::1%eth0", "local"]
    assert found("0.0.0.0") == ["127.0.0.1", "10.0.0.5", "local"]
    assert found("::", "") == ["::1", "fd00::5", "fe80::1%eth0"]


def test_those_that_are_named_once_each() -> None:
    assert found("10.0.0.5, 127.0.0.1,*", "/run, /tmp")[:2] == ["127.0.0.1", "10.0.0.5"]
    assert "127.0.0.1" in found("localhost")
    assert found("") == ["local"]


def test_a_name_that_leads_nowhere() -> None:
    assert listening.places("db.invalid", 5432, "", OWN) == ([], ["db.invalid"])


def test_where_the_client_comes_from() -> None:
    places, _ = listening.places("127.0.0.1", 5433, "@x, /tmp", OWN)
    assert (places[0].client, places[0].target.source) == (ip_address("127.0.0.1"), "127.0.0.1")
    assert (places[0].target.port, places[1].client) == (5433, None)
    assert places[1].target.path == "\0x/.s.PGSQL.5433"


def test_names_that_lead_back() -> None:
    (place,), _ = listening.places("127.0.0.1", 5432, "", OWN)
    assert place.name is None
    assert listening.named(place).name == "localhost"
    (strange,), _ = listening.places("192.0.2.99", 5432, "", OWN)
    assert listening.named(strange) == strange
    (local,), _ = listening.places("", 5432, "/run", OWN)
    assert listening.named(local) == local


def test_this_machine_has_a_loopback() -> None:
    places, _ = listening.places("*", 5432, "")
    assert any(each.client.is_loopback for each in places)
