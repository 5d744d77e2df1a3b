"""The life of a page as a picture."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysfuzz.findings.explanation import Entered, Moment
from sysfuzz.report.picture import draw, state_of

STATES = ("unmapped", "r-x", "r-x no-syscalls", "rwx no-syscalls 0x2 wired 3 random")


def moments(*states: tuple[str, str]) -> list[Moment]:
    """A life through the given states, (core, spec) each, an op for each."""
    return [Moment(op, -1, "call()", core, spec, "") for op, (core, spec) in enumerate(states)]


lives = st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(STATES)), min_size=1, max_size=12).map(
    lambda states: moments(*states)
)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("r-x no-syscalls", "attribute"),
        ("marked", "attribute"),
        ("r-x", "plain"),
        ("alive", "plain"),
        ("answers EINVAL", "plain"),
        ("unmapped", "none"),
        ("unmarked", "none"),
        ("gone", "none"),
    ],
)
def test_states(text: str, state: str) -> None:
    """What is shown filled has the attribute or the mark; what is shown empty is not there."""
    assert state_of(text) == state


def test_parting() -> None:
    """The line lies between what the two agree on and what they do not; from there on the tracks are marked."""
    picture = draw(moments(("r-x no-syscalls",) * 2, ("r-x", "r-x no-syscalls"), ("r-x", "r-x no-syscalls")))
    assert picture.first == 1
    assert picture.parting is not None
    assert [(s.text, s.parted, s.y > picture.parting) for s in picture.segments] == [
        ("r-x no-syscalls", False, False),
        ("r-x", True, True),
        ("r-x no-syscalls", False, False),
        ("r-x no-syscalls", True, True),
    ]
    assert picture.description == (
        "op 0: r-x no-syscalls; op 1: core r-x, spec r-x no-syscalls; op 2: core r-x, spec r-x no-syscalls. "
        "Core and spec first part at op 1."
    )


def test_agreement() -> None:
    """A life without a parting has no line, and says so."""
    picture = draw(moments(("r-x", "r-x")))
    assert (picture.first, picture.parting) == (None, None)
    assert picture.description == "op 0: r-x. They agree throughout."


def test_entry() -> None:
    """What was decided about the entry stands below, and is where the two part if they agreed about the page."""
    life = moments(("r-x no-syscalls",) * 2)
    picture = draw(life, Entered(0x10000, b"", "", "dispatched getpid", "SIGILL/ILL_ILLTRP @0x10000"))
    assert [tick.text for tick in picture.ticks] == ["op 0", "entry"]
    assert picture.first == 1
    assert [(s.state, s.parted) for s in picture.segments] == [("attribute", False), ("decision", True)] * 2
    assert (
        "entry: core dispatched getpid, spec SIGILL/ILL_ILLTRP @0x10000. Core and spec first part at entry."
        in picture.description
    )
    agreed = draw(life, Entered(0x10000, b"", "", "dispatched getpid", "dispatched getpid"))
    assert (agreed.first, [s.parted for s in agreed.segments]) == (None, [False] * 4)


def test_labels() -> None:
    """Boot and the events within a run are named as such."""
    life = [Moment(-1, -1, "boot", "r-x", "r-x", ""), Moment(3, 1, "getpid()", "r-x", "r-x", "")]
    assert [tick.text for tick in draw(life).ticks] == ["boot", "op 3.1"]


@settings(deadline=None)
@given(lives)
def test_tracks(life: list[Moment]) -> None:
    """The segments of a track follow each other from the first moment to the end, never overlap, and fit a phone."""
    picture = draw(life)
    assert picture.width <= 320
    tracks = {s.x for s in picture.segments}
    assert len(tracks) == 2
    for x in tracks:
        track = [s for s in picture.segments if s.x == x]
        assert track[0].y == min(tick.y for tick in picture.ticks) - 17
        assert track[-1].y + track[-1].height == picture.height - 1
        for above, below in pairwise(track):
            gap = below.y - above.y - above.height
            parting = picture.parting is not None and above.y + above.height < picture.parting < below.y
            assert gap == (20 if parting else 0)
        assert all(s.x >= 0 and s.x + s.width <= picture.width for s in track)


@settings(deadline=None)
@given(lives)
def test_every_moment_is_in_both_tracks(life: list[Moment]) -> None:
    """At the height of each op, a track shows the state of that moment, in full if its text was cut."""
    picture = draw(life)
    core, spec = sorted({s.x for s in picture.segments})
    for moment, tick in zip(life, picture.ticks, strict=True):
        for x, text in ((core, moment.core), (spec, moment.spec)):
            (segment,) = [s for s in picture.segments if s.x == x and s.y <= tick.y < s.y + s.height]
            assert (segment.text, segment.state, segment.parted) == (text, state_of(text), moment.core != moment.spec)
            assert all(segment.y < y < segment.y + segment.height for y, _ in segment.lines)


@settings(deadline=None)
@given(lives)
def test_ticks_follow_each_other(life: list[Moment]) -> None:
    """Time runs downwards; nothing is drawn outside."""
    picture = draw(life)
    ys = [tick.y for tick in picture.ticks]
    assert ys == sorted(set(ys))
    assert ys[-1] < picture.height


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("r-x", ["r-x"]),
        ("rwx no-syscalls", ["rwx no-syscalls"]),
        ("--- inherit zero no-syscalls", ["--- inherit zero", "no-syscalls"]),
        ("rwx no-syscalls 0x2 wired 3 random inherit none", ["rwx no-syscalls", "0x2 wired 3 rand…"]),
        ("", [""]),
    ],
)
def test_lines(text: str, lines: list[str]) -> None:
    """A state is written in at most two lines; one that is cut says so."""
    for segment in draw(moments((text, text))).segments:
        assert [line for _, line in segment.lines] == lines
