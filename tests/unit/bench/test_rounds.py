from collections import Counter

from bench.rounds import orders

PEERS = ("direct", "haproxy", "stunnel", "pgward")


def test_every_round_has_every_peer_once():
    assert all(sorted(order) == sorted(PEERS) for order in orders(PEERS, 9, seed=1))


def test_each_peer_stands_in_each_place_equally_often():
    places = Counter(
        (place, name) for order in orders(PEERS, 8, seed=1) for place, name in enumerate(order)
    )
    assert set(places.values()) == {2}


def test_after_a_turn_the_order_is_turned_round():
    first, *_, fifth, _sixth, _seventh, _eighth = orders(PEERS, 8, seed=1)
    assert fifth == first[::-1]


def test_the_same_seed_gives_the_same_orders():
    assert list(orders(PEERS, 5, seed=3)) == list(orders(PEERS, 5, seed=3))


def test_nobody_to_measure():
    assert list(orders((), 2, seed=1)) == [[], []]
