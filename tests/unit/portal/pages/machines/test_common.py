from urllib.parse import parse_qsl, urlencode

from pgward.portal.pages.machines import common


class Asked:
    """A frame, as far as a list needs one."""

    def __init__(self, **query: str) -> None:
        self.request = self
        self.query_params = query

    def link(self, **changed: str | None) -> str:
        kept = {name: value for name, value in (self.query_params | changed).items() if value}
        return urlencode(kept)


def names(**query):
    frame = Asked(**query)
    found = common.few(frame, [(f"m{number:03}", number) for number in range(150)])  # type: ignore[arg-type]
    return found, [found.rows[0], found.rows[-1]] if found.rows else []


def test_a_list_goes_on_where_it_was_cut():
    found, ends = names()
    assert (ends, found.number, found.first) == ([0, 59], 150, None)
    found, ends = names(**dict(parse_qsl(found.next)))
    assert (ends, found.first) == ([60, 119], "")
    found, ends = names(after="m119")
    assert (ends, found.next) == ([120, 149], None)
    assert names(after="z")[1] == []


def test_a_search_is_kept_from_page_to_page():
    found, ends = names(search=" M0 ")
    assert (ends, found.number, found.next) == ([0, 59], 100, "search=+M0+&after=m059")
    assert names(search="nobody")[0].number == 0


def test_what_is_written_in_lines_or_between_commas_is_a_list():
    assert common.listed(" a, b\n\n c ,") == ["a", "b", "c"]
    assert common.listed("") == []


def test_reasons_read_as_words():
    assert ("keyCompromise", "key compromise") in common.REASONS
    assert "there is nothing" in common.unknown_act().message
