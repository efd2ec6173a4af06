from pgward.portal.pages.machines import common


def test_what_is_written_in_lines_or_between_commas_is_a_list():
    assert common.listed(" a, b\n\n c ,") == ["a", "b", "c"]
    assert common.listed("") == []


def test_reasons_read_as_words():
    assert ("keyCompromise", "key compromise") in common.REASONS
    assert "there is nothing" in common.unknown_act().message
