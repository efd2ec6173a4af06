from hashlib import sha256

from tests.fixtures.recordings import SESSION, parcel_of, start


def put(machine, data, digest=None):
    path = f"/v1/edges/self/recordings/{digest or sha256(data).hexdigest()}"
    return machine.put_content(path, data, {})


def test_pieces_are_kept_once(edge):
    data = parcel_of([start(1)])
    assert put(edge, data) == (200, {"kept": 1, "refused": []})
    assert put(edge, data) == (200, {"kept": 0, "refused": []})


def test_what_is_here_with_another_content_is_named(edge):
    assert put(edge, parcel_of([start(1)]))[0] == 200
    expected = {"kept": 0, "refused": [{"session": SESSION, "piece": 1}]}
    assert put(edge, parcel_of([start(1)])) == (200, expected)


def test_what_is_no_parcel(edge):
    assert put(edge, b"rubbish")[0] == 422
    assert put(edge, parcel_of([start(1)]), "0" * 64)[0] == 422
