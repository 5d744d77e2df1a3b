"""Mutations of code keep in place what they promise to keep."""

from random import Random

import pytest

from sysfuzz.generate import recode
from sysfuzz.generate.fresh import fresh
from sysfuzz.generate.subject import Subject
from sysfuzz.program.ir import MAX_POKE, Mode, Op, Program, Ref
from sysfuzz.x86.entries import ENTRIES, PREFIXES

PROGRAMS = [fresh(Random(seed)) for seed in range(400)]

AT = 0x10100
PAGE_START = 0x10000
GETPID = bytes.fromhex("b814000000")


def one(mode: Mode, code: bytes, start: int = AT) -> Program:
    """A program that pokes `code` at AT and runs it from `start`."""
    return Program(mode, "amd", (), (Op("poke", (AT, code)), Op("run", (start, 0))))


def poke(subject: Subject) -> tuple[int, bytes]:
    """Address and code of the first op."""
    addr, code = subject.ops[0].args
    assert isinstance(addr, int)
    assert isinstance(code, bytes)
    return addr, code


def test_a_new_block_stays_at_its_address() -> None:
    """Only the code differs."""
    for seed in range(50):
        subject = Subject(one("amd64", b"\x0f\x05"), Random(seed))
        recode.replace_block(subject)
        addr, _ = poke(subject)
        assert addr == AT
        assert subject.ops[1:] == [Op("run", (AT, 0))]
        subject.program().validate()


def test_a_program_without_code_gets_a_probe() -> None:
    """Code, and a run of it."""
    subject = Subject(Program(), Random(0))
    recode.replace_block(subject)
    assert [op.call for op in subject.ops][-2:] == ["poke", "run"]


def test_bytes_change_one_at_a_time() -> None:
    """A byte is changed, added or taken away; a byte is always left; the longest code does not grow."""
    lengths = set()
    for seed in range(300):
        subject = Subject(one("i386", b"\xcd\x80\xc3"), Random(seed))
        recode.change_bytes(subject)
        _, code = poke(subject)
        lengths.add(len(code))
        if len(code) == 3:
            assert sum(a != b for a, b in zip(code, b"\xcd\x80\xc3", strict=True)) <= 1
        subject.program().validate()
    assert lengths == {2, 3, 4}
    for seed in range(100):
        for code in (b"\xc3", bytes(MAX_POKE)):
            subject = Subject(one("i386", code), Random(seed))
            recode.change_bytes(subject)
            subject.program().validate()


def test_sliding_moves_code_and_runs_together() -> None:
    """Runs that start in the code go with it, others stay."""
    ops = (
        Op("poke", (AT, b"\x90\x90\x0f\x05\xc3")),
        Op("run", (AT, 0)),
        Op("run", (AT + 4, 0)),
        Op("run", (AT + 5, 0)),
        Op("run", (AT - 1, 0)),
    )
    moves = set()
    for seed in range(100):
        subject = Subject(Program(ops=ops), Random(seed))
        recode.slide(subject)
        addr, _ = poke(subject)
        moves.add(addr - AT)
        runs = [op.args[0] for op in subject.ops[1:]]
        assert runs == [addr, addr + 4, AT + 5, AT - 1]
    assert moves == {-7, -2, -1, 1, 2, 7}


def test_sliding_knows_references() -> None:
    """A run that starts in code at the same reference goes with it, also below 0."""
    ops = (
        Op("mmap", (0, 0x1000, 5, 0x1002, -1, 0)),
        Op("poke", (Ref(0), b"\xc3")),
        Op("run", (Ref(0), 0)),
        Op("run", (AT, 0)),
    )
    for seed in range(30):
        subject = Subject(Program(ops=ops), Random(seed))
        recode.slide(subject)
        assert subject.ops[1].args[0] == subject.ops[2].args[0] != Ref(0)
        assert subject.ops[3] == ops[3]
        subject.program().validate()


@pytest.mark.parametrize(
    ("mode", "name"), [("amd64", "syscall"), ("amd64", "int80"), ("i386", "lcall7"), ("i386", "sysenter")]
)
def test_prefixes_come_and_go_before_an_opcode_that_stays(mode: Mode, name: str) -> None:
    """The opcode's linear address is the same; the run still starts at the code's start."""
    opcode = ENTRIES[name].code
    grown = shrunk = 0
    for seed in range(100):
        before = one(mode, GETPID + b"\x66\x2e" + opcode + b"\xc3")
        subject = Subject(before, Random(seed))
        recode.change_prefix(subject)
        addr, code = poke(subject)
        assert addr + code.index(opcode) == AT + len(GETPID) + 2
        assert subject.ops[1].args[0] == addr
        prefix = code[len(GETPID) : code.index(opcode)]
        assert set(prefix) <= set(PREFIXES[64 if mode == "amd64" else 32])
        grown += len(prefix) == 3
        shrunk += len(prefix) == 1
    assert grown + shrunk == 100
    assert min(grown, shrunk) > 20


def test_a_prefix_does_not_push_code_out_of_its_page() -> None:
    """At the start of a page the code stays, and the opcode moves; every poke stays in the page, as the run does."""
    for seed in range(100):
        ops = (Op("poke", (PAGE_START, GETPID + b"\x0f\x05\xc3")), Op("run", (PAGE_START, 0)))
        subject = Subject(Program("amd64", "amd", (), ops), Random(seed))
        recode.change_prefix(subject)
        addr, code = poke(subject)
        assert addr == PAGE_START == subject.ops[1].args[0]
        assert code.index(b"\x0f\x05") == len(GETPID) + 1


def test_code_mostly_does_not_slide_out_of_its_page() -> None:
    """From the start of a page it goes up in most cases, down in some: there may be a neighbour."""
    down = 0
    for seed in range(300):
        subject = Subject(Program(ops=(Op("poke", (PAGE_START, b"\x0f\x05\xc3")),)), Random(seed))
        recode.slide(subject)
        down += poke(subject)[0] < PAGE_START
    assert 0 < down < 0.2 * 300


def test_another_gate_takes_the_place_of_an_entry() -> None:
    """At the same address, with the same code around it."""
    codes = set()
    for seed in range(300):
        subject = Subject(one("i386", GETPID + b"\xcd\x80\xc3"), Random(seed))
        recode.change_gate(subject)
        addr, code = poke(subject)
        assert addr == AT
        assert code.startswith(GETPID)
        assert code.endswith(b"\xc3")
        codes.add(code[len(GETPID) : -1])
    assert {ENTRIES[name].code for name in ("syscall", "sysenter", "lcall7", "lcall27", "int80")} <= codes


def test_code_without_an_entry_gets_another_block() -> None:
    """There is no gate to change."""
    subject = Subject(one("amd64", b"\x90\x90"), Random(3))
    recode.change_gate(subject)
    assert poke(subject)[1] != b"\x90\x90"


@pytest.mark.parametrize(
    "mutation",
    [
        recode.replace_block,
        recode.change_bytes,
        recode.slide,
        recode.change_prefix,
        recode.change_gate,
    ],
)
def test_any_program_stays_valid(mutation: object) -> None:
    """With code, without it, in both modes."""
    assert callable(mutation)
    for seed, program in enumerate((*PROGRAMS, Program(), Program("i386"))):
        subject = Subject(program, Random(seed))
        mutation(subject)
        subject.program().validate()
