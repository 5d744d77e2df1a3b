"""What a valid program is: every limit holds at its edge and is refused, in words that help, one beyond it."""

import pytest
from hypothesis import given

from strategies import programs
from sysfuzz.program.ir import CALLS, Op, Program, ProgramError, Ref

FORK = Op("fork")


def run(addr: object = 0x1000, blocks: object = 0) -> Op:
    return Op("run", (addr, blocks))  # type: ignore[arg-type]


def mmap(**changed: object) -> Op:
    args: dict[str, object] = {"addr": 0, "len": 1, "prot": 5, "flags": 0x1002, "fd": -1, "offset": 0, **changed}
    return Op("mmap", tuple(args.values()))  # type: ignore[arg-type]


@given(programs())
def test_generated_programs_are_valid(program: Program) -> None:
    """The shared strategy yields valid programs only, and validate returns the program itself."""
    assert program.validate() is program


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(Program(), id="nothing"),
        pytest.param(Program("i386", "intel"), id="other-mode-and-vendor"),
        pytest.param(Program(regs=(("rax", 1), ("rcx", 2**64 - 1), ("r15", 1))), id="registers"),
        pytest.param(Program("i386", regs=(("eax", 2**32 - 1), ("edi", 1))), id="i386-registers"),
        pytest.param(Program(ops=(FORK,) * 40), id="40-ops"),
        pytest.param(Program(ops=(mmap(addr=2**64 - 1, len=2**64 - 1, offset=2**64 - 1),)), id="64-bits"),
        pytest.param(Program("i386", ops=(mmap(addr=2**32 - 1, len=2**32 - 1),)), id="32-bits"),
        pytest.param(Program("i386", ops=(mmap(offset=2**64 - 1),)), id="offsets-are-64-bits-wide-on-i386"),
        pytest.param(Program(ops=(mmap(prot=2**32 - 1, flags=2**32 - 1, fd=2**31 - 1),)), id="ints"),
        pytest.param(Program(ops=(Op("poke", (0, bytes(255))),)), id="255-bytes-of-code"),
        pytest.param(Program(ops=(*(Op("poke", (0, bytes(255))),) * 4, Op("poke", (0, bytes(4))))), id="1024-bytes"),
        pytest.param(Program(ops=(Op("peek", (0, 1)), Op("peek", (0, 64)))), id="peeks"),
        pytest.param(Program(ops=(run(blocks=4096),)), id="4096-blocks"),
        pytest.param(Program(ops=(FORK, Op("as", (Ref(0), 0)), run(Ref(1, 2**64 - 1)))), id="references"),
    ],
)
def test_limits_hold_at_their_edge(program: Program) -> None:
    """What lies just inside every limit is valid."""
    assert program.validate() is program


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (Program("arm"), "unknown mode 'arm'; supported: amd64, i386"),  # type: ignore[arg-type]
        (Program(vendor="via"), "unknown vendor 'via'; supported: amd, intel"),  # type: ignore[arg-type]
        (Program(regs=(("eax", 1),)), "unknown register 'eax' in mode amd64; supported: rax, rcx, rdx, rbx, rbp, "),
        (Program("i386", regs=(("rax", 1),)), "unknown register 'rax' in mode i386; supported: eax, "),
        (Program(regs=(("rsp", 1),)), "unknown register 'rsp'"),
        (Program("i386", regs=(("esp", 1),)), "unknown register 'esp'"),
        (Program(regs=(("rax", 0),)), "register rax = 0x0; supported: 1 to 0xffffffffffffffff"),
        (Program(regs=(("rax", 2**64),)), "register rax = 0x10000000000000000; supported"),
        (Program("i386", regs=(("eax", 2**32),)), "supported: 1 to 0xffffffff"),
        (Program(regs=(("rcx", 1), ("rax", 1))), "in the order of their numbers"),
        (Program(regs=(("rax", 1), ("rax", 2))), "once each"),
        (Program(ops=(FORK,) * 41), "41 ops; at most 40"),
        (Program(ops=(FORK, Op("brk", (0,)))), "op 1: unknown call 'brk'; supported: mmap, "),
        (Program(ops=(Op("munmap", (0,)),)), "op 0: munmap takes 2 arguments, not 1"),
        (Program(ops=(Op("fork", (0,)),)), "op 0: fork takes 0 arguments, not 1"),
        (Program(ops=(mmap(addr=2**64),)), "op 0: mmap's addr: 0x10000000000000000 is out of range"),
        (
            Program("i386", ops=(mmap(len=2**32),)),
            "mmap's len: 0x100000000 is out of range; supported: 0x0 to 0xffffffff",
        ),
        (Program(ops=(mmap(addr=-1),)), "mmap's addr: -0x1 is out of range"),
        (Program(ops=(mmap(prot=2**32),)), "mmap's prot"),
        (Program(ops=(mmap(fd=-2),)), "mmap's fd: -0x2 is out of range; supported: -0x1 to 0x7fffffff"),
        (Program(ops=(mmap(fd=2**31),)), "mmap's fd"),
        (Program(ops=(mmap(offset=2**64),)), "mmap's offset"),
        (Program(ops=(mmap(addr=b"\x90"),)), "mmap's addr: a number is needed"),
        (Program(ops=(Op("poke", (0, 7)),)), "poke's bytes: 1 to 255 bytes are supported"),
        (Program(ops=(Op("poke", (0, b"")),)), "poke's bytes: 1 to 255 bytes are supported"),
        (Program(ops=(Op("poke", (0, bytes(256))),)), "poke's bytes: 1 to 255 bytes are supported"),
        (Program(ops=(FORK, Op("poke", (0, Ref(0))))), "poke's bytes: 1 to 255 bytes are supported"),
        (Program(ops=(Op("poke", (0, bytes(205))),) * 5), "1025 bytes of code in all pokes; at most 1024"),
        (Program(ops=(Op("peek", (0, 0)),)), "peek's n: 0x0 is out of range; supported: 0x1 to 0x40"),
        (Program(ops=(Op("peek", (0, 65)),)), "peek's n"),
        (Program(ops=(run(blocks=4097),)), "run's blocks"),
        (Program(ops=(run(Ref(0)),)), "op 0: run's addr: r0 is not an earlier op"),
        (Program(ops=(FORK, run(Ref(1)))), "op 1: run's addr: r1 is not an earlier op"),
        (Program(ops=(FORK, run(Ref(-1)))), "r-1 is not an earlier op"),
        (Program(ops=(FORK, run(Ref(0, 2**64)))), "offset 0x10000000000000000 is too wide for mode amd64"),
        (Program("i386", ops=(FORK, run(Ref(0, 2**32)))), "offset 0x100000000 is too wide for mode i386"),
        (Program(ops=(FORK, run(Ref(0, -1)))), "is too wide"),
        (Program(ops=(FORK, mmap(prot=Ref(0)))), "op 1: mmap's prot: the result of an op is not supported here"),
    ],
)
def test_what_breaks_a_rule_is_refused(program: Program, message: str) -> None:
    """One step beyond each limit, and each rule broken alone, is an error that names the place and what is supported."""
    with pytest.raises(ProgramError) as caught:
        program.validate()
    assert message in str(caught.value)


def test_optional_parameters_come_last() -> None:
    """A parameter that may be left out stands behind those that may not, so that text can name arguments by place."""
    for params in CALLS.values():
        optional = [bool(param.keyword) for param in params]
        assert optional == sorted(optional)
