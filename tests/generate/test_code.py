"""Blocks do on the CPU what they are meant to do, and their entry lies where they say."""

from itertools import product
from random import Random

import pytest

from sysfuzz.generate import code
from sysfuzz.generate.code import Block
from sysfuzz.generate.draft import RWX, Draft
from sysfuzz.generate.errands import GETPID, Errand
from sysfuzz.program.ir import MODES, VENDORS, Mode, Op, Program, Vendor
from sysfuzz.program.outcome import Event
from sysfuzz.targets.table import Target
from sysfuzz.x86.entries import ENTRIES, LEGACY_PREFIXES, LOCK, REX_PREFIXES, gates, scan

AT = 0x10000
WORLDS = list(product(MODES, VENDORS))


def execute(
    target: Target, mode: Mode, vendor: Vendor, block: Block, regs: dict[str, int] | None = None
) -> list[Event]:
    """The events of a run of `block` at AT in an unflagged page."""
    draft = Draft(Random(0), mode, vendor, regs=regs)
    draft.map(AT, 2, False, RWX)
    program = Program(
        mode, vendor, draft.registers(), (*draft.ops, Op("poke", (AT, block.code)), Op("run", (AT + block.start, 0)))
    ).validate()
    return list(target.run(program).steps[-1].events)


def usable(mode: Mode, vendor: Vendor) -> list[str]:
    """The gates that a `call` block can go through in the mode's own code."""
    return [entry.name for entry in gates(mode, 64 if mode == "amd64" else 32, vendor)]


@pytest.mark.parametrize(("mode", "vendor"), WORLDS)
def test_getpid_through_every_gate(reference: Target, mode: Mode, vendor: Vendor) -> None:
    """With and without prefixes, the entry is made at the named offset and the block returns."""
    draft = Draft(Random(0), mode, vendor)
    assert len(usable(mode, vendor)) >= 2
    for name in usable(mode, vendor):
        for prefix in (b"", b"\x2e", b"\x3e\x65\x2e"):
            block = code.call(draft, name, GETPID, prefix)
            enter, done = execute(reference, mode, vendor, block)
            assert enter.kind == "enter"
            assert enter.reply is not None
            assert (enter.reply.call, enter.addr) == ("getpid", AT + block.entry)
            assert done.kind == "done"


@pytest.mark.parametrize(("mode", "vendor"), WORLDS)
def test_arguments_arrive(reference: Target, mode: Mode, vendor: Vendor) -> None:
    """A call's words reach the kernel through every gate, and the stack is as before when the block returns."""
    draft = Draft(Random(0), mode, vendor)
    what = Errand(411, (0x4000_0000, 0x1000, 0x5000_0000, 0x3000, 0x10))
    for name in usable(mode, vendor):
        enter, done = execute(reference, mode, vendor, code.call(draft, name, what))
        assert enter.reply is not None
        words = [*what.words]
        if (mode, name) == ("amd64", "sysenter"):
            words[2] = enter.addr + 2  # RDX: the way back
        assert (enter.reply.call, list(enter.reply.args)) == ("mremap", words)
        assert done.kind == "done"


@pytest.mark.parametrize("mode", MODES)
def test_an_entry_lies_where_a_block_says(mode: Mode) -> None:
    """At the offset stand the named opcode bytes; what is written into place later stands there as nops."""
    opcodes = {*code.OPCODES.values(), b"\x90\x90"}
    noise = 0
    for seed in range(4000):
        block = code.block(Draft(Random(seed), mode, "amd"))
        assert 0 <= block.start < len(block.code)
        if block.code[block.entry : block.entry + block.size] not in opcodes:
            noise += 1
            assert (block.entry, block.size) == (0, 1)
    assert noise < 0.06 * 4000


@pytest.mark.parametrize("mode", MODES)
def test_every_opcode_comes_up(mode: Mode) -> None:
    """Within 2,000 choices, entries of the mode making up more than two thirds."""
    draft = Draft(Random(1), mode, "intel")
    names = [code.gate(draft) for _ in range(2000)]
    assert set(names) == set(code.OPCODES)
    bits = draft.layout.bits
    entering = {entry.name for vendor in VENDORS for entry in gates(mode, bits, vendor)}
    assert sum(name in entering for name in names) > 2 / 3 * 2000
    assert set(ENTRIES) <= set(code.OPCODES)


def test_prefixes_are_few_legal_and_sometimes_not() -> None:
    """Mostly none; all bytes are prefixes; LOCK and, in 64-bit code, REX come up; 14 make any entry too long."""
    draft = Draft(Random(2), "amd64", "amd")
    taken = [code.prefixes(draft) for _ in range(5000)]
    assert sum(not prefix for prefix in taken) > 0.7 * 5000
    seen = set(b"".join(taken))
    assert seen == {*LEGACY_PREFIXES, *REX_PREFIXES}
    assert sum(LOCK in prefix for prefix in taken) < 0.05 * 5000
    assert max(map(len, taken)) == 14
    narrow = Draft(Random(3), "i386", "amd")
    assert not set(b"".join(code.prefixes(narrow) for _ in range(2000))) & set(REX_PREFIXES)


@pytest.mark.parametrize("mode", MODES)
def test_twice_goes_through_both_gates(reference: Target, mode: Mode) -> None:
    """Where both gates exist and the first call leaves the code alone, two entries are seen, the second at the named offset."""
    two = 0
    for seed in range(120):
        draft = Draft(Random(seed), mode, "intel")
        draft.map(0x40000, 2, False)  # what the first call is about: not mapped when the block runs
        block = code.twice(draft)
        events = [event for event in execute(reference, mode, "intel", block) if event.kind == "enter"]
        if len(events) == 2:
            two += 1
            assert events[1].addr == AT + block.entry
    assert two > 20


@pytest.mark.parametrize("mode", MODES)
def test_self_modifying_code_enters(reference: Target, mode: Mode) -> None:
    """The entry that it writes is executed, at the named offset."""
    seen = set()
    for seed in range(12):
        block = code.self_modifying(Draft(Random(seed), mode, "intel"))
        first, *_ = execute(reference, mode, "intel", block)
        if first.kind == "enter":
            seen.add(first.addr)
            assert first.addr == AT + block.entry
    assert seen


def test_a_bare_block_brings_its_number_in_registers(reference: Target) -> None:
    """Blocks without a load leave number and arguments in the draft's registers."""
    found = 0
    for seed in range(300):
        draft = Draft(Random(seed), "amd64", "amd")
        block = code.block(draft)
        if draft.regs and scan(block.code, 64).entry is ENTRIES["syscall"] and not scan(block.code, 64).locked:
            found += 1
            event = execute(reference, "amd64", "amd", block, draft.regs)[0]
            if event.kind == "enter":
                assert event.attempt is not None
                assert event.attempt.regs[0] == draft.regs["rax"]
    assert found > 10


def test_a_loop_ends_by_its_budget(reference: Target) -> None:
    """A block that jumps back makes the same entry again and again."""
    loops = 0
    for seed in range(600):
        block = code.block(Draft(Random(seed), "i386", "amd"))
        if block.code[-2:-1] == b"\xeb":
            *entries, last = execute(reference, "i386", "amd", block)
            if entries:
                loops += 1
                assert {(event.kind, event.addr) for event in entries} == {("enter", AT + block.entry)}
                assert len(entries) > 10
                assert last.kind == "limit"
    assert loops > 0
