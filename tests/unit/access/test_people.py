from pgward.access.people import People, Person

ANN = Person("Ann", frozenset({"dba"}))


def test_people_are_named_by_name_in_any_case_or_by_group():
    assert People.of(["ANN"]).names(ANN)
    assert People.of(groups=["dba", "x"]).names(ANN)
    assert not People.of(["anna"], ["DBA"]).names(ANN)


def test_sets_of_people_join_and_may_be_empty():
    both = People.of(["Bob"]) | People.of(groups=["dba"])
    assert both == People(frozenset({"bob"}), frozenset({"dba"}))
    assert both
    assert not People()


def test_a_person_is_called_by_their_name_in_any_case():
    assert ANN.is_called("aNN")
    assert not ANN.is_called("anne")
