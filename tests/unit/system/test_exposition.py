from prometheus_client.parser import text_string_to_metric_families

from pgward.system.exposition import family


def test_a_metric_with_its_samples():
    made = family("a_total", "counter", "What it is.", [({}, 3), ({"why": "so", "x": "y"}, 0.5)])
    assert made == (
        "# HELP a_total What it is.\n"
        "# TYPE a_total counter\n"
        "a_total 3\n"
        'a_total{why="so",x="y"} 0.5\n'
    )


def test_a_metric_without_samples_is_named_all_the_same():
    assert family("up", "gauge", "Up.", []) == "# HELP up Up.\n# TYPE up gauge\n"


def test_whatever_a_label_holds_is_read_back():
    odd = 'a"b\\c\nd é'
    (found,) = text_string_to_metric_families(family("up", "gauge", "Up.", [({"of": odd}, 1)]))
    assert [(each.labels, each.value) for each in found.samples] == [({"of": odd}, 1.0)]


def test_large_numbers_are_whole():
    assert family("n", "gauge", "N.", [({}, 2**53 - 1)]).endswith(" 9007199254740991\n")
