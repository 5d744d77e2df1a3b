"""Canonical text: how each kind of value, an op and a file with its comments are written."""

import pytest

from sysfuzz.program.ir import Kind, Op, Program, Ref
from sysfuzz.program.parser import parse
from sysfuzz.program.printer import format_arg, format_op, format_program, format_source


@pytest.mark.parametrize(
    ("kind", "arg", "text"),
    [
        (Kind.ADDR, 0, "0"),
        (Kind.ADDR, 1, "0x1"),
        (Kind.SIZE, 4096, "0x1000"),
        (Kind.OFFSET, 2**64 - 1, "0xffffffffffffffff"),
        (Kind.ADDR, Ref(3), "r3"),
        (Kind.NUMBER, Ref(12, 4096), "r12+0x1000"),
        (Kind.FD, -1, "-1"),
        (Kind.FD, 3, "3"),
        (Kind.NUMBER, 0, "0"),
        (Kind.NUMBER, 9999, "9999"),
        (Kind.NUMBER, 10000, "0x2710"),
        (Kind.COUNT, 64, "64"),
        (Kind.BLOCKS, 4096, "4096"),
        (Kind.PROT, 0, "PROT_NONE"),
        (Kind.PROT, 7, "PROT_READ|PROT_WRITE|PROT_EXEC"),
        (Kind.PROT, 0x14, "PROT_EXEC|0x10"),
        (Kind.PROT, 8, "0x8"),
        (Kind.MAP, 0, "MAP_FILE"),
        (Kind.MAP, 0x11012, "MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS"),
        (Kind.MAP, 0x801001, "MAP_SHARED|MAP_ANON|0x800000"),
        (Kind.MAP, 0x0C001002, "MAP_PRIVATE|MAP_ANON|MAP_ALIGNED(12)"),
        (Kind.MAP, 0xFF000008, "MAP_ALIGNED(255)|0x8"),
        (Kind.REMAP, 0, "0"),
        (Kind.REMAP, 0x14000010, "MAP_FIXED|MAP_ALIGNED(20)"),
        (Kind.MSYNC, 0, "0"),
        (Kind.MSYNC, 5, "MS_ASYNC|MS_SYNC"),
        (Kind.MLOCKALL, 3, "MCL_CURRENT|MCL_FUTURE"),
        (Kind.MLOCKALL, 0x80000000, "0x80000000"),
        (Kind.ADVICE, 0, "MADV_NORMAL"),
        (Kind.ADVICE, 7, "7"),
        (Kind.INHERIT, 3, "MAP_INHERIT_DONATE_COPY"),
        (Kind.SIGNAL, 4, "SIGILL"),
        (Kind.SIGNAL, 7, "7"),
        (Kind.SYSARCH, 1, "I386_SET_LDT"),
        (Kind.SYSARCH, 2**32 - 1, "0xffffffff"),
        (Kind.HEX, b"\x0f\x05", '"0f05"'),
    ],
)
def test_values(kind: str, arg: int | Ref | bytes, text: str) -> None:
    """Names where there are any, unknown bits in hex, addresses in hex, small counts in decimal."""
    assert format_arg(kind, arg) == text


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (Op("fork"), "fork()"),
        (Op("as", (2, 0)), "as(2)"),
        (Op("as", (Ref(0), 3)), "as(r0, lwp=3)"),
        (Op("run", (0x10FFE, 0)), "run(0x10ffe)"),
        (Op("run", (0x10FFE, 20)), "run(0x10ffe, blocks=20)"),
        (Op("poke", (0x10FFE, b"\xcd\x80")), 'poke(0x10ffe, "cd80")'),
    ],
)
def test_ops(op: Op, text: str) -> None:
    """An op looks like a C call; an optional argument is left out when it is the default."""
    assert format_op(op) == text


def test_a_program_without_a_file() -> None:
    """The mode is always printed, the vendor if it is not the default; comments come first, a poke's words behind it."""
    seen = []

    def disassemble(addr: int | None, code: bytes) -> str | None:
        seen.append((addr, code))
        return "syscall" if code == b"\x0f\x05" else None

    pokes = (Op("poke", (0x1000, b"\x0f\x05")), Op("poke", (Ref(0, 2), b"\x90")))
    program = Program("amd64", "intel", (("rax", 20),), (*pokes, Op("run", (0x1000, 0))))
    text = format_program(program, [None, "0", "SIGILL @0x1000"], ["target: nosyscalls", ""], disassemble)
    assert text == (
        "# target: nosyscalls\n"
        "#\n"
        "mode amd64\n"
        "vendor intel\n"
        "reg rax = 0x14\n"
        'poke(0x1000, "0f05")                    # syscall\n'
        'poke(r0+0x2, "90")                      # -> 0\n'
        "run(0x1000)                             # -> SIGILL @0x1000\n"
    )
    assert seen == [(0x1000, b"\x0f\x05"), (None, b"\x90")]


def test_expectations_are_one_for_each_op() -> None:
    """A list of another length is a mistake of the caller."""
    with pytest.raises(ValueError, match="shorter"):
        format_program(Program(ops=(Op("fork"), Op("fork"))), ["0"])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", "mode amd64\n"),
        ("\n\n# a\n\n\n# b\n\n", "# a\n\n# b\n\nmode amd64\n"),
        ("fork()\n", "mode amd64\nfork()\n"),
        ("# a\nfork()\n\n\n\nfork()\n\n#b\n\n", "# a\nmode amd64\nfork()\n\nfork()\n\n#b\n"),
        ("vendor amd # why\nfork()", "mode amd64\nvendor amd                              # why\nfork()\n"),
        (
            "# top\nvendor intel\n# two\nreg rcx = 2\n# one\nreg rax = 1 # 1\nfork()",
            "# top\nmode amd64\nvendor intel\n# one\nreg rax = 0x1                           # 1\n# two\n"
            "reg rcx = 0x2\nfork()\n",
        ),
        (
            "# top\nvendor intel\n# why\nmode i386\n",
            "# top\n# why\nmode i386\nvendor intel\n",
        ),
        ("fork()#x#->0#y", "mode amd64\nfork()                                  # -> 0#y  # x\n"),
        ("run(0) #5 # -> done", "mode amd64\nrun(0)                                  # -> done  # 5\n"),
        ("fork() ## x", "mode amd64\nfork()                                  ## x\n"),
    ],
)
def test_formatting(text: str, canonical: str) -> None:
    """Headers move to their places with the comments above them, blank lines shrink to one, and a second time changes nothing."""
    assert format_source(parse(text)) == canonical
    assert format_source(parse(canonical)) == canonical
