"""Every idiom is valid in both of its places, ends in a run, mostly succeeds, and shows what it is named for."""

from collections.abc import Iterator
from random import Random

import pytest

from sysfuzz.generate.draft import Draft
from sysfuzz.generate.idioms import DECKS, IDIOMS
from sysfuzz.generate.sequence import fit
from sysfuzz.program.ir import MODES, VENDORS, Mode, Op, Program
from sysfuzz.program.names import INHERIT, MAP, PAGE, SIGNAL
from sysfuzz.program.outcome import Outcome
from sysfuzz.targets.table import Target

MODES_OF: dict[str, tuple[Mode, ...]] = {"segment": ("i386",), "far transfer": ("amd64",)}
CASES = [(name, mode) for name in IDIOMS for mode in MODES_OF.get(name, MODES)]
LOOKING = ("contents", "file pages")  # at memory, instead of running code
RUNNING = [(name, mode) for name, mode in CASES if name not in LOOKING]
COUNT = 60
# Idioms whose point is a refusal fail more often than others; so do looks behind the end of a file, and into holes.
REFUSED = {
    "brink": 0.3,
    "failure": 0.3,
    "bad flags": 0.5,
    "limits": 0.3,
    "ends": 0.3,
    "wire": 0.2,
    "anything": 0.2,
    "file pages": 0.15,
    "contents": 0.1,
}


def programs(name: str, mode: Mode, before: tuple[Op, ...] = ()) -> Iterator[Program]:
    """COUNT programs that are `before` and the idiom alone."""
    for seed in range(COUNT):
        vendor = VENDORS[seed % 2]
        draft = Draft(Random(seed), mode, vendor, before)
        IDIOMS[name](draft)
        yield Program(mode, vendor, draft.registers(), fit((*before, *draft.ops))).validate()


def outcomes(target: Target, name: str, mode: Mode) -> list[tuple[Program, Outcome]]:
    """The programs of an idiom and what they do."""
    return [(program, target.run(program)) for program in programs(name, mode)]


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_an_idiom_is_a_short_valid_program_that_ends_in_a_run(name: str, mode: Mode) -> None:
    """3 to 14 ops, within all limits; what is about contents ends in a look at them."""
    for program in programs(name, mode):
        assert 3 <= len(program.ops) <= 14
        assert program.ops[-1].call == ("peek" if name in LOOKING else "run")


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_an_idiom_fits_behind_other_ops(name: str, mode: Mode) -> None:
    """In a space where its favourite places are taken, in a child."""
    taken = MAP["MAP_PRIVATE"] | MAP["MAP_ANON"] | MAP["MAP_FIXED"]
    before = (
        Op("mmap", (0x10000, 0x30 * PAGE, 5, taken, -1, 0)),
        Op("mmap", (0, PAGE, 7, taken & ~MAP["MAP_FIXED"], -1, 0)),
        Op("fork"),
        Op("as", (2, 0)),
    )
    for program in programs(name, mode, before):
        assert program.ops[: len(before)] == before


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_most_ops_succeed(reference: Target, name: str, mode: Mode) -> None:
    """Errors are the exception, but for idioms that are about errors; and the reference never panics."""
    failed = total = 0
    for _, outcome in outcomes(reference, name, mode):
        assert outcome.panic is None
        assert outcome.insane == ""
        failed += sum(isinstance(step.result, str) for step in outcome.steps)
        total += len(outcome.steps)
    assert failed <= REFUSED.get(name, 0.06) * total


@pytest.mark.parametrize(("name", "mode"), RUNNING)
def test_most_runs_reach_an_entry(reference: Target, name: str, mode: Mode) -> None:
    """Half of the programs see a call dispatched or a SIGILL."""
    reached = 0
    for _, outcome in outcomes(reference, name, mode):
        kinds = {event.kind for step in outcome.steps for event in step.events}
        reached += bool(kinds & {"enter", "SIGILL"})
    assert reached >= 0.5 * COUNT


def views_with_both(outcome: Outcome) -> bool:
    """Whether at some time a flagged region touched an unflagged one."""
    return any(
        first.end == second.start and bool(first.attributes) != bool(second.attributes)
        for step in outcome.steps
        for view in step.views
        for first, second in zip(view.regions, view.regions[1:], strict=False)
    )


@pytest.mark.parametrize(
    ("name", "share"), [("beside", 0.8), ("overlay", 0.8), ("move", 0.3), ("clip", 0.1), ("resize", 0.2)]
)
def test_flagged_beside_unflagged(reference: Target, name: str, share: float) -> None:
    """Idioms of neighbours have a boundary between flagged and unflagged pages."""
    seen = sum(views_with_both(outcome) for _, outcome in outcomes(reference, name, "amd64"))
    assert seen >= share * COUNT


@pytest.mark.parametrize(
    ("name", "call", "share"),
    [
        ("move", "mremap", 1),
        ("resize", "mremap", 1),
        ("fork", "fork", 1),
        ("vfork", "vfork", 1),
        ("exec", "exec", 1),
        ("inherit", "minherit", 1),
        ("lwp", "lwp_create", 1),
        ("handler", "sigaction", 1),
        ("segment", "sysarch", 1),
        ("wire", "mlock", 0.2),
        ("wire", "mlockall", 0.1),
    ],
)
def test_idioms_use_their_call(name: str, call: str, share: float) -> None:
    """Each at least in that share of its programs."""
    mode = MODES_OF.get(name, MODES)[0]
    using = sum(any(op.call == call for op in program.ops) for program in programs(name, mode))
    assert using >= share * COUNT


def test_every_inheritance_is_tried() -> None:
    """Also the one that must be refused."""
    seen = {op.args[2] for program in programs("inherit", "amd64") for op in program.ops if op.call == "minherit"}
    assert seen >= set(INHERIT.values())


def test_blocked_calls_and_handlers_meet(reference: Target) -> None:
    """A monitor is entered, and its process goes on through the trampoline."""
    handled = went_on = 0
    for mode in MODES:
        for program, outcome in outcomes(reference, "handler", mode):
            assert any(op.call == "sigaction" and op.args[0] in SIGNAL.values() for op in program.ops)
            events = outcome.steps[-1].events
            handled += any(event.reply and event.reply.signal and event.reply.signal.handled for event in events)
            went_on += any(event.reply and event.reply.call == "setcontext" for event in events)
    assert handled > 0.5 * 2 * COUNT
    assert went_on > 0.25 * 2 * COUNT


def test_far_transfers_reach_32_bit_code(reference: Target) -> None:
    """Entries are made by 32-bit code of a 64-bit process."""
    reached = 0
    for _, outcome in outcomes(reference, "far transfer", "amd64"):
        reached += any(event.attempt and event.attempt.bits == 32 for event in outcome.steps[-1].events)
    assert reached > 0.9 * COUNT


def test_stubs_are_called_from_the_other_kind_of_page(reference: Target) -> None:
    """Entries are let in on behalf of flagged callers, and blocked on behalf of unflagged ones."""
    seen = set()
    for mode in MODES:
        for program, outcome in outcomes(reference, "stub", mode):
            start = program.ops[-1].args[0]
            assert isinstance(start, int)
            regions = outcome.steps[-2].views[0].regions
            caller = next(bool(region.attributes) for region in regions if region.start <= start < region.end)
            seen |= {(caller, event.kind) for event in outcome.steps[-1].events[:1]}
    assert {(True, "enter"), (False, "SIGILL")} <= seen


def test_segments_have_bases(reference: Target) -> None:
    """Entries are made from segments whose base is not 0."""
    reached = 0
    for _, outcome in outcomes(reference, "segment", "i386"):
        reached += any(event.attempt and event.attempt.base for event in outcome.steps[-1].events)
    assert reached > 0.6 * COUNT


def test_a_vfork_child_marks_its_parent(reference: Target) -> None:
    """In some programs the first flagged page comes from the child, and the parent is the one that is probed."""
    seen = 0
    for program, outcome in outcomes(reference, "vfork", "amd64"):
        calls = [op.call for op in program.ops]
        before = outcome.steps[calls.index("vfork")].views[0].marked
        seen += not before and outcome.steps[-1].pid == 1 and outcome.steps[-1].views[0].marked
    assert seen > 0.2 * COUNT


@pytest.mark.parametrize("mode", MODES)
def test_every_idiom_of_the_mode_is_dealt(mode: Mode) -> None:
    """And none whose instructions the mode has not."""
    assert set(DECKS[mode]) == {name for name in IDIOMS if mode in MODES_OF.get(name, MODES)}
