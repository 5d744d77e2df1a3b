"""The cover: whatever was shown stays shown by the programs that are chosen."""

from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.campaign.cover import Cover

DOMAINS = st.dictionaries(st.sampled_from(["calls", "code"]), st.lists(st.sampled_from("abcdefgh"), unique=True))
PROGRAMS = st.lists(st.tuples(DOMAINS, st.integers(1, 9)), max_size=30)


def shown(programs: list[tuple[dict[str, list[str]], int]], names: object = None) -> set[tuple[str, str]]:
    """The features of these programs, or of those of them that are named."""
    return {
        (domain, name)
        for number, (row, _) in enumerate(programs)
        if names is None or f"{number:02}" in names  # type: ignore[operator]
        for domain in row
        for name in row[domain]
    }


@given(PROGRAMS)
def test_no_feature_is_lost(programs: list[tuple[dict[str, list[str]], int]]) -> None:
    """After each program that comes, those chosen, and the smallest set, show all that has been shown, and the counts are those of that."""
    cover = Cover()
    for number, (row, size) in enumerate(programs):
        before = shown(programs[:number])
        novel = cover.novel(row)
        assert {domain: len(names) for domain, names in novel.items()} == {
            domain: count for domain in row if (count := len({(domain, name) for name in row[domain]} - before))
        }
        cover.add(f"{number:02}", row, size)
        so_far = programs[: number + 1]
        everything = shown(so_far)
        assert shown(so_far, cover.chosen()) == shown(so_far, cover.smallest()) == everything
        assert sum(cover.features().values()) == len(everything)
        assert cover.novel(row) == {}
    assert cover.programs == len(programs)


def test_the_smallest_is_chosen() -> None:
    """Of two programs that show the same the smaller one is chosen, whichever came first; of equals, the first by name."""
    for sizes in ((1, 2, 2), (2, 1, 2), (2, 2, 1)):
        cover = Cover()
        for name, size in zip("abc", sizes, strict=True):
            cover.add(name, {"calls": ["x", "y"]}, size)
        assert cover.smallest() == ("abc"[sizes.index(1)],)
    cover = Cover()
    for name in "ba":
        cover.add(name, {"calls": ["x"]}, 1)
    assert cover.smallest() == ("a",)
