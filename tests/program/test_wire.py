"""The byte form: every byte string is a valid program, every valid program survives, and it fits libFuzzer's maximum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import programs
from sysfuzz.program.ir import CALLS, Op, Program, Ref
from sysfuzz.program.wire import decode, encode

CALL = {call: code for code, call in enumerate(CALLS)}

# The first bytes of a number, as wire.py documents them: 201 small numbers, 8 byte counts, 8 page counts, 39 references.
BYTES, PAGES, REF = 201, 209, 217


@given(programs())
def test_round_trip(program: Program) -> None:
    """Decoding what encoding gives restores any valid program, and it is never longer than 4 KiB."""
    data = encode(program)
    assert len(data) <= 4096
    assert decode(data) == program


@given(st.binary(max_size=5000))
def test_every_byte_string_is_a_valid_program(data: bytes) -> None:
    """Decoding never fails, and what it gives is valid and survives a second trip."""
    program = decode(data)
    program.validate()
    assert decode(encode(program)) == program


@given(programs(max_ops=8), st.data())
def test_mutated_bytes_are_a_valid_program(program: Program, data: st.DataObject) -> None:
    """The same for what an engine makes of good inputs: bytes changed, inserted, deleted and copied."""
    encoded = bytearray(encode(program))
    for _ in range(data.draw(st.integers(1, 8))):
        start = data.draw(st.integers(0, len(encoded)))
        end = data.draw(st.integers(start, min(len(encoded), start + 9)))
        encoded[start:end] = data.draw(st.one_of(st.binary(max_size=9), st.just(bytes(encoded[end : end + 40]))))
    decode(bytes(encoded)).validate()


@given(programs(max_ops=8), st.data())
def test_truncation_keeps_the_ops_before(program: Program, data: st.DataObject) -> None:
    """Bytes cut off at the end cost the ops that they belong to and change at most the last op that is left."""
    encoded = encode(program)
    left = decode(encoded[: data.draw(st.integers(0, len(encoded)))]).ops
    assert left[:-1] == program.ops[: max(0, len(left) - 1)]


def test_bytes_beyond_4096_do_not_count() -> None:
    """An op in byte 4,096 is read and one in byte 4,097 is not."""
    poke = bytes(
        (CALL["poke"], 0, BYTES, 254, *bytes(255))
    )  # skipped once the code is full, so that the input can be long
    filler = bytes(3) + poke * 15 + bytes((CALL["poke"], 0, BYTES, 202, *bytes(203)))
    assert len(filler) == 4095
    ops = decode(filler).ops
    assert decode(filler + bytes((CALL["fork"],) * 3)).ops == (*ops, Op("fork"))


def test_the_largest_program() -> None:
    """The size that wire.py states for the largest program: everything at its widest and at its limit."""
    wide = 2**64 - 1
    regs = tuple((name, wide) for name in ("rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi"))
    regs += tuple((f"r{number}", wide) for number in range(8, 16))
    mremap = Op("mremap", (Ref(0, wide), Ref(0, wide), Ref(0, wide), Ref(0, wide), 2**32 - 1))
    pokes = tuple(Op("poke", (Ref(0, wide), bytes(size))) for size in (205, 205, 205, 204))
    first = Op("poke", (wide, bytes(205)))
    program = Program(regs=regs, ops=(first, *pokes, *(mremap,) * 35)).validate()
    assert len(encode(program)) == 2836
    assert decode(encode(program)) == program


@pytest.mark.parametrize(
    ("data", "program"),
    [
        pytest.param(b"", Program(), id="nothing"),
        pytest.param(b"\1", Program("i386"), id="mode"),
        pytest.param(b"\2", Program(vendor="intel"), id="vendor"),
        pytest.param(b"\xfc", Program(), id="other-bits-of-the-first-byte-mean-nothing"),
        pytest.param(b"\0\1\x80\5\6", Program(regs=(("rax", 5), ("r15", 6))), id="registers-by-mask"),
        pytest.param(b"\0\x11\0\5", Program(regs=(("rax", 5),)), id="no-stack-pointer"),
        pytest.param(b"\0\3\0\0\7", Program(regs=(("rcx", 7),)), id="a-register-of-zero-is-none"),
        pytest.param(b"\1\1\x80\7", Program("i386", regs=(("eax", 7),)), id="i386-has-8-registers"),
        pytest.param(
            b"\1\1\0" + bytes((BYTES + 4, 1, 2, 3, 4, 5)), Program("i386", regs=(("eax", 0x04030201),)), id="cut"
        ),
        pytest.param(bytes((0, 0, 0, CALL["fork"])), Program(ops=(Op("fork"),)), id="op"),
        pytest.param(bytes((0, 0, 0, CALL["fork"] + len(CALLS))), Program(ops=(Op("fork"),)), id="calls-repeat"),
        pytest.param(bytes((0, 0, 0, CALL["munmap"], 200)), Program(ops=(Op("munmap", (200, 0)),)), id="small-number"),
        pytest.param(
            bytes((0, 0, 0, CALL["munmap"], BYTES + 1, 0xFE, 0x0F, PAGES, 2)),
            Program(ops=(Op("munmap", (0xFFE, 0x2000)),)),
            id="bytes-and-pages",
        ),
        pytest.param(
            bytes((0, 0, 0, CALL["munmap"], PAGES + 7, *b"\1\0\0\0\0\0\xf0\xff", BYTES + 7, *b"\xff" * 8)),
            Program(ops=(Op("munmap", (0x1000, 2**64 - 1)),)),
            id="pages-wrap-at-the-address-width",
        ),
        pytest.param(
            bytes((0, 0, 0, CALL["munmap"], BYTES + 7, 9)), Program(ops=(Op("munmap", (9, 0)),)), id="missing"
        ),
        pytest.param(
            bytes((0, 0, 0, CALL["mmap"], 0, 1, 5, 3, 0, 0)),
            Program(ops=(Op("mmap", (0, 1, 5, 3, -1, 0)),)),
            id="descriptors-count-from-minus-1",
        ),
        pytest.param(
            bytes((0, 0, 0, CALL["peek"], 0, 64)), Program(ops=(Op("peek", (0, 1)),)), id="counts-are-reduced"
        ),
        pytest.param(
            bytes((0, 0, 0, CALL["fork"], CALL["fork"], CALL["as"], REF, 0, 2, CALL["run"], REF + 2, PAGES, 1, 0)),
            Program(ops=(Op("fork"), Op("fork"), Op("as", (Ref(1), 2)), Op("run", (Ref(0, 0x1000), 0)))),
            id="references-count-backwards",
        ),
        pytest.param(
            bytes((0, 0, 0, CALL["fork"], CALL["as"], REF + 5, 0, 0)),
            Program(ops=(Op("fork"), Op("as", (Ref(0), 0)))),
            id="references-too-far-back-are-reduced",
        ),
        pytest.param(
            bytes((0, 0, 0, CALL["run"], REF, PAGES, 1, REF, 7)),
            Program(ops=(Op("run", (0x1000, 7)),)),
            id="an-offset-stands-in-where-no-reference-can-be",
        ),
        pytest.param(
            bytes((0, 0, 0, CALL["poke"], 9, 1, 0x0F, 0x05, CALL["fork"])),
            Program(ops=(Op("poke", (9, b"\x0f\x05")), Op("fork"))),
            id="code",
        ),
        pytest.param(
            bytes((0, 0, 0, CALL["poke"], 9, 7, 0x0F, 0x05)),
            Program(ops=(Op("poke", (9, b"\x0f\x05")),)),
            id="short-code",
        ),
        pytest.param(bytes((0, 0, 0, CALL["poke"])), Program(ops=(Op("poke", (0, b"\0")),)), id="code-has-a-byte"),
    ],
)
def test_meaning_of_bytes(data: bytes, program: Program) -> None:
    """The form as documented: what each byte means, and to what a wrong one is reduced."""
    assert decode(data) == program


def test_code_over_the_limit_is_left_out() -> None:
    """A poke that reaches the limit of all code is cut there, later pokes are skipped, and other ops and references go on."""
    poke = bytes((CALL["poke"], 0, 199, *bytes(200)))
    data = bytes(3) + poke * 7 + bytes((CALL["run"], REF, 0, 0))
    sizes = [200] * 5 + [24]
    ops = [Op("poke", (0, bytes(size))) for size in sizes]
    assert decode(data).ops == (*ops, Op("run", (Ref(5), 0)))


def test_ops_over_the_limit_are_left_out() -> None:
    """The program ends with its fortieth op."""
    assert decode(bytes(3) + bytes((CALL["fork"],)) * 100).ops == (Op("fork"),) * 40


def test_an_op_inserted_before_keeps_references() -> None:
    """Bytes of an op inserted in front shift a reference with the op that it names."""
    tail = bytes((CALL["vfork"], CALL["as"], REF, 0, 0))
    assert decode(bytes(3) + tail).ops == (Op("vfork"), Op("as", (Ref(0), 0)))
    shifted = decode(bytes((0, 0, 0, CALL["fork"])) + tail).ops
    assert shifted == (Op("fork"), Op("vfork"), Op("as", (Ref(1), 0)))
