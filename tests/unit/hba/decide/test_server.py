from pgward.hba.decide.server import Server
from pgward.hba.syntax.versions import Abilities


def test_a_server_without_maps_and_members() -> None:
    server = Server(Abilities.of(15), ())
    assert (server.mappings, server.world.member_of, server.world.interfaces) == ((), {}, ())
