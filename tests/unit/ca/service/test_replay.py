import threading

from pgward.ca.service.replay import ReplayCache


def test_an_id_is_new_once_until_it_is_forgotten():
    cache = ReplayCache(10)
    assert cache.is_new("a", 0.0)
    assert not cache.is_new("a", 9.9)
    assert cache.is_new("b", 9.9)
    assert cache.is_new("a", 10.0)


def test_memory_is_bounded_by_forgetting_the_oldest():
    cache = ReplayCache(10, limit=2)
    assert [cache.is_new(key, 0.0) for key in "abc"] == [True, True, True]
    assert not cache.is_new("c", 0.0)
    assert cache.is_new("a", 0.0)


def test_of_many_threads_with_one_id_one_wins():
    cache, won = ReplayCache(10), []
    threads = [
        threading.Thread(target=lambda: won.append(cache.is_new("a", 0.0))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 19 + [True]
