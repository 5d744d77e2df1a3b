"""Laws that hold after any program and any answers: the spec stays total, consistent and within the limits."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sysfuzz.program.ir import CALLS, MODES, Kind, Op, Program, int_range
from sysfuzz.program.layout import LAYOUTS, MAX_LOCKED_PAGES, MAX_PAGES, MAX_PROCESSES, MAX_WIRED_PAGES
from sysfuzz.program.names import MAP, PAGE
from sysfuzz.program.outcome import Attempt, Event, Outcome, Reply, Step
from sysfuzz.spec import Dispatch, follow
from sysfuzz.spec.abi import SYSCALLS

ADDRESSES = st.integers(15, 20).map(lambda number: number * PAGE)
SMALL = {
    Kind.ADDR: ADDRESSES,
    Kind.SIZE: st.integers(0, 4).map(lambda count: count * PAGE) | st.sampled_from([1, 60 * PAGE, 250 * PAGE]),
    Kind.PROT: st.integers(0, 7),
    Kind.MAP: st.sets(st.sampled_from(sorted(MAP.values()))).map(lambda bits: sum(bits) | 0x1012),
    Kind.REMAP: st.sampled_from([0, 0x10]),
    Kind.FD: st.just(-1),
    Kind.OFFSET: st.just(0),
    Kind.ADVICE: st.integers(0, 6),
    Kind.INHERIT: st.integers(0, 4),
    Kind.MSYNC: st.integers(0, 7),
    Kind.MLOCKALL: st.integers(0, 3),
    Kind.SIGNAL: st.integers(0, 64),
    Kind.SYSARCH: st.integers(0, 2),
    Kind.DISPATCH: st.integers(0, 3),
    Kind.NUMBER: st.integers(0, 9),
    Kind.COUNT: st.integers(1, 64),
    Kind.BLOCKS: st.just(0),
    Kind.LWP: st.integers(0, 3),
    Kind.HEX: st.binary(min_size=1, max_size=4),
}
ANSWERS = st.sampled_from([0, 1, 2, "EINVAL", "ENOMEM"]) | ADDRESSES | st.integers(0, (1 << 64) - 1)


@st.composite
def ops(draw, mode):
    """One op whose arguments are mostly small and colliding, sometimes anything."""
    name = draw(st.sampled_from(sorted(CALLS)))
    args = []
    for param in CALLS[name]:
        anything = st.integers(*int_range(param.kind, mode)) if param.kind != Kind.HEX else SMALL[Kind.HEX]
        args.append(draw(SMALL[param.kind] | anything) if draw(st.integers(0, 7)) == 0 else draw(SMALL[param.kind]))
    return Op(name, tuple(args))


@st.composite
def entries(draw, mode):
    """One event of a run: a kernel entry that asks for something."""
    gate = draw(st.sampled_from(["syscall", "int80", "lcall7", "sysenter"]))
    number = draw(st.sampled_from([*SYSCALLS, 0, 198, 5]))
    addr = draw(ADDRESSES) + draw(st.integers(-8, 8))
    word, count, bits = (8, 16, 64) if mode == "amd64" else (4, 8, 32)
    small = ADDRESSES | st.integers(0, 8) | st.sampled_from([73, 197, 0x11012])
    regs = (number, *draw(st.lists(small, min_size=count - 1, max_size=count - 1)))
    stack = b"".join(value.to_bytes(word, "little") for value in draw(st.lists(small, max_size=8)))
    attempt = Attempt(gate, -1, addr, addr, 2, bits, 0, addr + 2, regs, 0x202, stack)
    return Event("enter", addr, attempt, Reply(result=draw(ANSWERS)))


@st.composite
def outcomes(draw):
    """A program and what some core, right or not, answered."""
    mode = draw(st.sampled_from(MODES))
    program = Program(mode=mode, ops=tuple(draw(st.lists(ops(mode), max_size=15))))
    steps = []
    for op in program.ops:
        events = tuple(draw(st.lists(entries(mode), max_size=3))) if op.call == "run" else ()
        steps.append(Step(draw(ANSWERS), 1, events, (), ()))
    return program.validate(), Outcome((), tuple(steps))


@settings(deadline=None, max_examples=300)
@given(outcomes())
def test_laws(case):
    """Whatever the answers: failures change nothing, limits hold, an attribute means a mark."""
    program, outcome = case
    layout = LAYOUTS[program.mode]
    expected = follow(program, outcome)
    before = expected.boot
    for step in expected.steps:
        if isinstance(step.result, str):
            assert step.states is before
        for event in step.events:
            if not isinstance(event.decision, Dispatch) or isinstance(event.decision.result, str):
                assert event.states is before
            before = event.states
        before = step.states
        assert len(step.states) <= MAX_PROCESSES
        assert [state.pid for state in step.states] == sorted({state.pid for state in step.states})
        spaces = {id(state.pages): state.pages for state in step.states}.values()
        wired = [sum(1 for page in pages.values() if page.wired) for pages in spaces]
        assert max(wired, default=0) <= MAX_LOCKED_PAGES
        assert sum(wired) <= MAX_WIRED_PAGES
        for state in step.states:
            assert len(state.pages) <= MAX_PAGES
            for number, page in state.pages.items():
                assert layout.vm_min <= number * PAGE < layout.vm_max
                assert page.prot & ~page.maxprot == 0
                assert state.marked or not page.attributes


@given(outcomes())
def test_follow_is_a_function(case):
    """The same program and outcome give the same expectation."""
    assert follow(*case) == follow(*case)
