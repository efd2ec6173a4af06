import pytest

from pgward.tunnel.edge.server import EdgeSettings


@pytest.mark.parametrize(
    ("all_of_them", "chosen", "most"),
    [(10_000, None, 2_000), (100, 90, 90), (50, None, 10), (3, None, 1)],
)
def test_one_person_gets_a_fifth_unless_told_otherwise(tmp_path, all_of_them, chosen, most):
    settings = EdgeSettings(tmp_path, max_connections=all_of_them, max_connections_per_user=chosen)
    assert settings.most_per_user == most
