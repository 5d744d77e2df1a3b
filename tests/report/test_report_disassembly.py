"""The code of a program for readers of machine code."""

import pytest

from sysfuzz.program.text import parse
from sysfuzz.report.disassembly import blocks


def shown(program: str, entry: int | None = None) -> list[list[tuple[object, ...]]]:
    """The lines of each block, without what is as always."""
    found = blocks(parse(program).program, entry)
    return [
        [
            (
                line.address,
                line.code,
                line.text,
                *([line.times] if line.times > 1 else []),
                *(["here"] if line.here else []),
            )
            for line in block.lines
        ]
        for block in found
    ]


@pytest.mark.parametrize(
    ("program", "entry", "expected"),
    [
        ('mode amd64\npoke(0x1000, "0f05c3")\n', None, [[("0x1000", "0f05", "syscall"), ("0x1002", "c3", "ret")]]),
        # the entry concerned is marked
        ('mode i386\npoke(0x1000, "cd80c3")\n', 0x1000, [[("0x1000", "cd80", "int 0x80", "here"), ("0x1002", "c3", "ret")]]),
        # an instruction inside of another, as the run that jumps there sees it
        (
            'mode amd64\npoke(0x1000, "b80f05c3c3")\nrun(0x1001)\n',
            0x1001,
            [[("0x1000", "b8", "(bad)"), ("0x1001", "0f05", "syscall", "here"), ("0x1003", "c3", "ret", 2)]],
        ),
        # a sled is one line, and the marked instruction is never part of it
        (
            'mode amd64\npoke(0x1000, "9090909090")\n',
            0x1003,
            [[("0x1000", "90", "nop", 3), ("0x1003", "90", "nop", "here"), ("0x1004", "90", "nop")]],
        ),
        # addresses behind an op's result
        (
            'mode amd64\nfork()\npoke(r0+0x10, "90c3")\nrun(r0+0x11)\n',
            0x10,
            [[("r0+0x10", "90", "nop"), ("r0+0x11", "c3", "ret")]],
        ),
        ("mode amd64\nfork()\n", None, []),
    ],
)  # fmt: skip
def test_blocks(program: str, entry: int | None, expected: list[list[tuple[object, ...]]]) -> None:
    """Each poke is a block; decoding starts anew where a run starts and at the instruction concerned."""
    assert shown(program, entry) == expected


def test_a_block_names_its_op() -> None:
    """Blocks are known by the op that writes them."""
    program = parse('mode amd64\npoke(0x1000, "90")\nfork()\npoke(0x2000, "c3")\n').program
    assert [block.op for block in blocks(program, None)] == [0, 2]
