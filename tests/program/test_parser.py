"""Reading program text: each construct, and each mistake with its place and what is supported instead."""

import pytest

from sysfuzz.program.ir import Op, Program, Ref
from sysfuzz.program.parser import parse
from sysfuzz.program.source import TextError

WIDE = "0xffffffffffffffff"


@pytest.mark.parametrize(
    ("text", "op"),
    [
        ("fork()", Op("fork")),
        (" fork ( ) ", Op("fork")),
        ("munmap(4096, 0X1fFf)", Op("munmap", (0x1000, 0x1FFF))),
        ("mprotect(0, 0, PROT_NONE)", Op("mprotect", (0, 0, 0))),
        ("mprotect(0, 0, PROT_WRITE|PROT_READ | 0x10|8)", Op("mprotect", (0, 0, 0x1B))),
        ("mprotect(0, 0, 4294967295)", Op("mprotect", (0, 0, 0xFFFFFFFF))),
        ("mmap(0, 1, 0, MAP_FILE, -1, 0)", Op("mmap", (0, 1, 0, 0, -1, 0))),
        ("mmap(0, 1, 0, MAP_ANONYMOUS|MAP_ANON, 3, 0)", Op("mmap", (0, 1, 0, 0x1000, 3, 0))),
        ("mmap(0, 1, 0, MAP_ALIGNED(255)|MAP_SHARED, - 1, 0)", Op("mmap", (0, 1, 0, 0xFF000001, -1, 0))),
        ("mmap(0, 1, 0, MAP_ALIGNED(0x0c), 0, 0)", Op("mmap", (0, 1, 0, 0x0C000000, 0, 0))),
        ("mremap(0, 1, 2, 3, MAP_FIXED|MAP_ALIGNED(20))", Op("mremap", (0, 1, 2, 3, 0x14000010))),
        ("madvise(0, 0, MADV_FREE)", Op("madvise", (0, 0, 6))),
        ("madvise(0, 0, 99)", Op("madvise", (0, 0, 99))),
        ("minherit(0, 0, MAP_INHERIT_ZERO)", Op("minherit", (0, 0, 4))),
        ("msync(0, 0, MS_SYNC|MS_ASYNC)", Op("msync", (0, 0, 5))),
        ("mlockall(MCL_FUTURE)", Op("mlockall", (2,))),
        ("sigaction(SIGILL, 0x1000)", Op("sigaction", (4, 0x1000))),
        ("sigaction(63, 0)", Op("sigaction", (63, 0))),
        ("sysarch(I386_SET_LDT, 8, 0x1000)", Op("sysarch", (1, 8, 0x1000))),
        ('poke(0, "0f05FA")', Op("poke", (0, b"\x0f\x05\xfa"))),
        ("as(2)", Op("as", (2, 0))),
        ("as(2, lwp=3)", Op("as", (2, 3))),
        ("as(lwp = 3, 2)", Op("as", (2, 3))),
        ("run(0, blocks=0)", Op("run", (0, 0))),
        ("run(0, blocks=4096)", Op("run", (0, 4096))),
    ],
)
def test_one_op(text: str, op: Op) -> None:
    """Each way to write a value: names, numbers in both bases, synonyms, keywords, blanks anywhere between tokens."""
    assert parse(text).program == Program(ops=(op,))


def test_references() -> None:
    """An earlier op's result, with or without an offset, where an address, a size or a number stands."""
    source = parse("fork()\nas(r0)\nmunmap(r1, r0 + 0x1000)")
    assert source.program.ops[1:] == (Op("as", (Ref(0), 0)), Op("munmap", (Ref(1), Ref(0, 0x1000))))


def test_headers_are_sorted() -> None:
    """Registers may be named in any order, and the vendor anywhere above the ops."""
    source = parse("mode i386\nreg edi = 1\nvendor intel\nreg eax = 0xffffffff\nfork()")
    assert source.program == Program("i386", "intel", (("eax", 0xFFFFFFFF), ("edi", 1)), (Op("fork"),))


@pytest.mark.parametrize(
    ("line", "expectation", "comment"),
    [
        ("fork()", None, ""),
        ("fork()#x", None, "x"),
        ("fork()  #  # x ", None, "# x"),
        ("fork() #->0", ("0", 1, 11), ""),
        ("fork()  # ->  0x10000 ", ("0x10000", 1, 15), ""),
        ("fork() # -> 0 # x -> y", ("0", 1, 13), "x -> y"),
        ("fork() # x # -> 0", ("0", 1, 17), "x"),
        ("fork() # x # -> 0 # y", ("0", 1, 17), "x # y"),
        ("run(0) # -> enter #511 @0x1 # x", ("enter #511 @0x1", 1, 13), "x"),
        ("run(0) # -> enter #511 @0x1; done ## x", ("enter #511 @0x1; done", 1, 13), "# x"),
    ],
)
def test_comments_of_an_op(line: str, expectation: tuple[str, int, int] | None, comment: str) -> None:
    """An expectation is found before or behind a comment, with its place; a call named #N is no comment."""
    (statement,) = parse(line).statements
    assert (statement.expectation, statement.comment) == (expectation, comment)


def test_an_expectation_in_a_comment_line_is_a_comment() -> None:
    """An op that was commented out takes its expectation with it."""
    assert parse("# fork()  # -> 0").preamble == ("# fork()  # -> 0",)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        # Lines and characters.
        ("\0", 1, 1, "character U+0000 is not printable; supported: printable characters, blanks and tabs"),
        ("fork() # \x1b[0m", 1, 10, "character U+001B is not printable"),
        ("fork()\rfork()", 1, 7, "character U+000D is not printable"),
        ("# \u202e", 1, 3, "character U+202E is not printable"),
        ("fork()\n\tfork() $", 2, 9, "unexpected character '$'"),
        ("(", 1, 1, "unexpected '('; supported: a header (mode, vendor, reg), an op, a comment"),
        ("0x10", 1, 1, "unexpected '0x10'"),
        ("fork() fork()", 1, 8, "unexpected 'fork' behind the statement; supported: a comment"),
        # Headers.
        ("mode", 1, 5, "expected a mode; supported: amd64, i386"),
        ("mode # i386", 1, 6, "expected a mode; supported: amd64, i386"),
        ("mode x86_64", 1, 6, "unknown mode 'x86_64'; supported: amd64, i386"),
        ("mode i836", 1, 6, "unknown mode 'i836' (did you mean i386?)"),
        ("vendor 1", 1, 8, "unknown vendor '1'; supported: amd, intel"),
        ("mode i386\n\nmode i386", 3, 1, "mode was given in line 1"),
        ("vendor amd\nvendor amd", 2, 1, "vendor was given in line 1"),
        ("reg rax = 1\nreg rax = 1", 2, 5, "rax was given in line 1"),
        ("reg rax = 1\nmode i386", 2, 1, "mode stands behind a register; it comes first"),
        ("fork()\nmode i386", 2, 1, "mode stands behind an op; headers come first"),
        ("fork()\nreg rax = 1", 2, 1, "reg stands behind an op; headers come first"),
        ("reg", 1, 4, "expected a register of mode amd64; supported: rax, rcx, "),
        ("reg eax = 1", 1, 5, "unknown register of mode amd64 'eax' (did you mean rax?); supported: rax, rcx, "),
        ("reg rsp = 1", 1, 5, "unknown register of mode amd64 'rsp'"),
        ("mode i386\nreg esp = 1", 2, 5, "unknown register of mode i386 'esp'"),
        ("reg rax 1", 1, 9, "expected '=' behind rax, not '1'"),
        ("reg rax = 0", 1, 11, f"reg rax: '0' is out of range; supported: 1 to {WIDE}"),
        ("mode i386\nreg eax = 4294967296", 2, 11, "reg eax: '4294967296' is out of range; supported: 1 to 0xffffffff"),
        ("mode i386 # -> 0", 1, 16, "the expectation stands behind no op"),
        # Calls and their arguments.
        ("mmmap(1)", 1, 1, "unknown call 'mmmap' (did you mean mmap?); supported: mmap, munmap, mprotect, "),
        ("FORK()", 1, 1, "unknown call 'FORK' (did you mean fork?)"),
        ("z" * 1000, 1, 1, f"unknown call '{'z' * 37}...'; supported: mmap, "),
        ("fork", 1, 5, "expected '(' behind fork, not the end of the line"),
        ("fork)", 1, 5, "expected '(' behind fork, not ')'"),
        ("fork(", 1, 6, "fork: expected ',' or ')', not the end of the line"),
        ("munmap(0x1000  # x", 1, 16, "munmap: expected ',' or ')', not the end of the line"),
        ("munmap(1 2)", 1, 10, "munmap: expected ',' or ')', not '2'"),
        ("munmap()", 1, 8, "munmap's addr is missing; supported: munmap(addr, len)"),
        ("munmap(1)", 1, 9, "munmap's len is missing; supported: munmap(addr, len)"),
        ("munmap(1,)", 1, 10, f"munmap's len: expected a number, not ')'; supported: 0 to {WIDE}"),
        ("munmap(,1)", 1, 8, "munmap's addr: expected a number, not ','"),
        ("munmap(1, 2, 3)", 1, 14, "munmap: one argument too many; supported: munmap(addr, len)"),
        ("fork(0)", 1, 6, "fork: one argument too many; supported: fork()"),
        ("run(0, 20)", 1, 8, "run: one argument too many; supported: run(addr[, blocks=N])"),
        ("run(0, block=20)", 1, 8, "run: unknown keyword 'block'; supported: run(addr[, blocks=N])"),
        ("run(addr=0)", 1, 5, "run: unknown keyword 'addr'"),
        ("run(0, blocks=1, blocks=1)", 1, 18, "run's blocks is given twice"),
        ("run(blocks=1)", 1, 13, "run's addr is missing"),
        ("run(0, blocks=4097)", 1, 15, "run's blocks: '4097' is out of range; supported: 0 to 4096"),
        ("as(1, lwp=r0)", 1, 11, "as's lwp: unexpected 'r0'; supported: a number"),
        # Numbers.
        ("munmap(-1, 0)", 1, 8, f"munmap's addr: expected a number, not '-'; supported: 0 to {WIDE}"),
        ("munmap(18446744073709551616, 0)", 1, 8, f"'18446744073709551616' is out of range; supported: 0 to {WIDE}"),
        ("munmap(0x10000000000000000, 0)", 1, 8, "is out of range"),
        (f"munmap(0, {'9' * 9999})", 1, 11, f"munmap's len: '{'9' * 37}...' is out of range"),
        (f"munmap(0, 0x{'f' * 9999})", 1, 11, "is out of range"),
        ("mode i386\nmunmap(0x100000000, 0)", 2, 8, "'0x100000000' is out of range; supported: 0 to 0xffffffff"),
        (
            "munmap(0777, 0)",
            1,
            8,
            "'0777' is no number; supported: 0x and hex digits, or decimal without leading zeros",
        ),
        ("munmap(0x, 0)", 1, 8, "'0x' is no number"),
        ("munmap(10h, 0)", 1, 8, "'10h' is no number"),
        ("munmap(1_000, 0)", 1, 8, "'1_000' is no number"),
        ("munmap(\u0663, 0)", 1, 8, "unexpected character '\u0663'"),
        ('munmap("00", 0)', 1, 8, "munmap's addr: expected a number, not '\"00\"'"),
        ("munmap(addr, 0)", 1, 8, "unexpected 'addr'; supported: a number, or rN or rN+0x1000 for the result of op N"),
        ("peek(0, 0)", 1, 9, "peek's n: '0' is out of range; supported: 1 to 64"),
        ("mmap(0, 0, 0, 0, -2, 0)", 1, 18, "mmap's fd: '-2' is out of range; supported: -1 to 0x7fffffff"),
        ("mmap(0, 0, 0, 0, --1, 0)", 1, 18, "mmap's fd: expected a number, not '-'"),
        ("mmap(0, 0, 0, 0, r0, 0)", 1, 18, "mmap's fd: unexpected 'r0'; supported: a number"),
        ("mmap(0, 0, 0, 0, 0, -1)", 1, 21, "mmap's offset: expected a number, not '-'"),
        # References.
        ("run(r0)", 1, 5, "run's addr: 'r0' is not an earlier op; supported: none in the first op"),
        ("fork()\nfork()\nrun(r2)", 3, 5, "run's addr: 'r2' is not an earlier op; supported: r0 to r1"),
        ("fork()\nrun(r00)", 2, 5, "unexpected 'r00'"),
        (f"fork()\nrun(r{'9' * 9999})", 2, 5, "is not an earlier op"),
        ("fork()\nrun(r0-1)", 2, 7, "run: expected ',' or ')', not '-'"),
        ("fork()\nrun(r0+)", 2, 8, "run's addr's offset: expected a number, not ')'"),
        ("fork()\nrun(r0+r0)", 2, 8, "run's addr's offset: expected a number, not 'r0'"),
        ("mode i386\nfork()\nrun(r0+0x100000000)", 3, 8, "is out of range; supported: 0 to 0xffffffff"),
        # Names.
        (
            "mprotect(0, 0, PROT_RAED)",
            1,
            16,
            "unknown name 'PROT_RAED' (did you mean PROT_READ?); supported: PROT_NONE, ",
        ),
        ("mprotect(0, 0, MAP_ANON)", 1, 16, "mprotect's prot: unknown name 'MAP_ANON'"),
        ("mprotect(0, 0, r0)", 1, 16, "mprotect's prot: unknown name 'r0'"),
        (
            "mprotect(0, 0, PROT_READ|)",
            1,
            26,
            "mprotect's prot: expected a number, not ')'; supported: 0 to 0xffffffff",
        ),
        ("mprotect(0, 0, -1)", 1, 16, "mprotect's prot: expected a number, not '-'"),
        ("mprotect(0, 0, PROT_READ+1)", 1, 25, "mprotect: expected ',' or ')', not '+'"),
        ("mprotect(0, 0, MAP_ALIGNED(3))", 1, 16, "unknown name 'MAP_ALIGNED'"),
        ("mmap(0, 0, 0, MAP_FIX, 0, 0)", 1, 15, "(did you mean MAP_FIXED?); supported: MAP_FILE, MAP_SHARED, "),
        ("mmap(0, 0, 0, MAP_FIX, 0, 0)", 1, 15, "MAP_NOSYSCALLS, MAP_ALIGNED(n), or a number"),
        ("mmap(0, 0, 0, MAP_ALIGNED, 0, 0)", 1, 26, "expected '(' behind MAP_ALIGNED, not ','"),
        ("mmap(0, 0, 0, MAP_ALIGNED(12, 0, 0)", 1, 29, "expected ')' behind MAP_ALIGNED's number, not ','"),
        ("mmap(0, 0, 0, MAP_ALIGNED(256), 0, 0)", 1, 27, "'256' is out of range; supported: 0 to 255"),
        ("madvise(0, 0, MADV_GREE)", 1, 15, "unknown name 'MADV_GREE' (did you mean MADV_FREE?)"),
        ("madvise(0, 0, MADV_FREE|1)", 1, 24, "madvise: expected ',' or ')', not '|'"),
        ("msync(0, 0, MAP_ANONYMOUS)", 1, 13, "msync's flags: unknown name 'MAP_ANONYMOUS'; supported: MS_ASYNC, "),
        ("sigaction(SIGIL, 0)", 1, 11, "unknown name 'SIGIL' (did you mean SIGILL?); supported: SIGHUP, "),
        # Code.
        ("poke(0, 0f05)", 1, 9, "poke's bytes: unexpected '0f05'; supported: \"hex\" of 1 to 255 bytes"),
        ("poke(0, r0)", 1, 9, "poke's bytes: unexpected 'r0'"),
        ('poke(0, "0f0")', 1, 9, "poke's bytes: an odd number of digits; supported"),
        ('poke(0, "0f 05")', 1, 12, "poke's bytes: ' ' is not a hex digit; supported"),
        ('poke(0, "0x0f")', 1, 11, "'x' is not a hex digit"),
        ('poke(0, "")', 1, 9, "poke's bytes: 0 bytes; supported"),
        (f'poke(0, "{"00" * 256}")', 1, 9, "poke's bytes: 256 bytes; supported"),
        ('poke(0, "0f05', 1, 9, "the string is not closed"),
        ('poke(0, "0f#05")', 1, 9, "the string is not closed"),
        # Limits of the whole program, at the place that breaks them.
        ("fork()\n" * 40 + " fork()", 41, 2, "at most 40 ops are supported"),
        (f'poke(0, "{"00" * 205}")\n' * 5, 5, 9, "1025 bytes of code in all pokes; supported: at most 1024"),
        # Expectations.
        ("# -> 0", 1, 1, "the expectation '0' stands behind no op"),
        ("fork() # ->", 1, 12, "nothing is expected behind '->'"),
        ("fork() # -> # 0", 1, 13, "nothing is expected behind '->'"),
        ("fork() # -> 0 # -> 0", 1, 15, "an op has one expectation; this is the second"),
    ],
)
def test_mistakes(text: str, line: int, column: int, message: str) -> None:
    """Every mistake is an error at its place that says what is wrong and what is supported."""
    with pytest.raises(TextError) as caught:
        parse(text, "a.prog")
    assert message in caught.value.message
    assert str(caught.value) == f"a.prog:{line}:{column}: {caught.value.message}"
