from pgward.ca.login.oidc.office import Office


def test_the_office_is_one_processs(oidc_world) -> None:
    office = oidc_world.office
    assert isinstance(office, Office)
    assert office.providers.fetching is not None
