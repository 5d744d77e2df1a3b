"""Snippets, read back by a decoder; that they also do what they say is tested on the machine."""

import pytest

from sysfuzz.x86 import snippets
from sysfuzz.x86.decode import disassemble


def text(code: bytes, bits: int) -> list[str]:
    """Mnemonics and operands alone."""
    return [line.split("  ")[-1].strip() for line in disassemble(0, code, bits)]


@pytest.mark.parametrize(
    ("code", "bits", "expected"),
    [
        (snippets.getpid("syscall", 64), 64, ["mov eax, 0x14", "syscall"]),
        (snippets.getpid("int80", 32), 32, ["mov eax, 0x14", "int 0x80"]),
        (snippets.getpid("lcall7", 32), 32, ["mov eax, 0x14", "lcall 7, 0"]),
        (snippets.exit_("syscall", 64, 3), 64, ["mov edi, 3", "mov eax, 1", "syscall"]),
        (snippets.exit_("int80", 32, 3), 32, ["push 3", "push eax", "mov eax, 1", "int 0x80", "add esp, 8"]),
        (
            snippets.mmap("syscall", 64, 0x7000_0000_1000, 0x2000, 5, 0x1012, -1, 0x3000),
            64,
            [
                "movabs rdi, 0x700000001000", "mov esi, 0x2000", "mov edx, 5", "mov r10d, 0x1012",
                "movabs r8, 0xffffffffffffffff", "mov r9d, 0", "push 0x3000", "push rax", "mov eax, 0xc5", "syscall",
                "add rsp, 0x10",
            ],
        ),
        (
            snippets.mmap("int80", 32, 0x1000, 0x2000, 5, 0x1012, 3, 0x1_0000_3000),
            32,
            [
                "push 1", "push 0x3000", "push 0", "push 3", "push 0x1012", "push 5", "push 0x2000", "push 0x1000",
                "push eax", "mov eax, 0xc5", "int 0x80", "add esp, 0x24",
            ],
        ),
        (snippets.prefixed("syscall", 2), 64, ["syscall"]),
        (snippets.to_32(0x1234), 64, ["push 0x23", "push 0x1234", "retfq"]),
        (snippets.to_64(0x1234), 32, ["ljmp 0x33:0x1234"]),
        (snippets.far_return(0x47, 0x10, 32), 32, ["push 0x47", "push 0x10", "retf"]),
        (snippets.far_call_memory(7, 32), 32, ["push 7", "push 0", "call ptr [esp]"]),
        (snippets.self_modifying("int80", 64), 64, ["mov word ptr [rip], 0x80cd", "nop", "nop"]),
        (snippets.hidden("syscall"), 64, ["mov ecx, 0x9090050f"]),
    ],
)  # fmt: skip
def test_snippets(code: bytes, bits: int, expected: list[str]) -> None:
    """Each is the code that its docstring describes."""
    assert text(code, bits) == expected


def test_wide_values_need_wide_registers() -> None:
    """A value that 32-bit code cannot load is refused."""
    with pytest.raises(ValueError, match="does not fit"):
        snippets.load(0, 1 << 32, 32)


def test_prefixed() -> None:
    """Count and prefix as asked."""
    assert snippets.prefixed("sysenter", 3, 0x2E) == bytes.fromhex("2e2e2e0f34")
