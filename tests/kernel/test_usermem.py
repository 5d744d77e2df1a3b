"""Contents of memory: what is shared, copied, kept, zeroed."""

import pytest

from physical import PlainMemory
from sysfuzz.kernel.kernel import Kernel

SHARED, PRIVATE, FIXED, ANON = 0x1, 0x2, 0x10, 0x1000
RW = 3


@pytest.fixture
def kernel():
    return Kernel("amd64", PlainMemory())


def mapped(kernel, addr, flags, fd=-1, pages=1, prot=RW, offset=0):
    assert kernel.call(1, 1, "mmap", (addr, pages * 4096, prot, flags | FIXED, fd, offset)) == addr


def test_fresh_memory_is_zero(kernel):
    """Pages appear when touched and hold zeros."""
    mapped(kernel, 0x10000, PRIVATE | ANON)
    assert kernel.peek(1, 0x10000, 8) == bytes(8)


def test_two_shared_mappings_of_a_file_are_one_memory(kernel):
    """An alias shows what was written through the other address; a private one does not write back."""
    mapped(kernel, 0x10000, SHARED, fd=3)
    mapped(kernel, 0x20000, SHARED, fd=3)
    mapped(kernel, 0x30000, PRIVATE, fd=3)
    kernel.poke(1, 0x10000, b"alias")
    assert kernel.peek(1, 0x20000, 5) == kernel.peek(1, 0x30000, 5) == b"alias"
    kernel.poke(1, 0x30000, b"mine!")
    assert kernel.peek(1, 0x10000, 5) == b"alias"


@pytest.mark.parametrize(
    ("inherit", "childs", "parents"), [(0, b"new", b"chi"), (1, b"old", b"new"), (4, bytes(3), b"new")]
)
def test_fork_and_inheritance(kernel, inherit, childs, parents):
    """SHARE is one memory, COPY the state at fork, ZERO empty."""
    mapped(kernel, 0x10000, PRIVATE | ANON)
    kernel.poke(1, 0x10000, b"old")
    kernel.call(1, 1, "minherit", (0x10000, 4096, inherit))
    assert kernel.call(1, 1, "fork", ()) == 2
    kernel.poke(1, 0x10000, b"new")
    assert kernel.peek(2, 0x10000, 3) == childs
    kernel.poke(2, 0x10000, b"chi")
    assert kernel.peek(1, 0x10000, 3) == parents


def test_untouched_shared_memory_is_shared_after_fork(kernel):
    """Parent and child share a page that neither had touched before the fork."""
    mapped(kernel, 0x10000, SHARED | ANON)
    kernel.call(1, 1, "fork", ())
    kernel.poke(2, 0x10000, b"child")
    assert kernel.peek(1, 0x10000, 5) == b"child"


def test_a_child_that_unmaps_leaves_the_parents_pages(kernel):
    """Shared pages live as long as one of them maps them."""
    mapped(kernel, 0x10000, SHARED | ANON)
    kernel.poke(1, 0x10000, b"kept")
    kernel.call(1, 1, "fork", ())
    kernel.call(2, 1, "munmap", (0x10000, 4096))
    kernel.call(2, 1, "exit", (0,))
    assert kernel.peek(1, 0x10000, 4) == b"kept"


def test_mremap_carries_contents_and_zeros_the_rest(kernel):
    """Moved pages keep what they hold; grown ones are zero; the old place is gone."""
    mapped(kernel, 0x10000, PRIVATE | ANON, pages=2)
    kernel.poke(1, 0x10000, b"one")
    kernel.poke(1, 0x11000, b"two")
    assert kernel.call(1, 1, "mremap", (0x10000, 0x2000, 0x40000, 0x3000, 0x10)) == 0x40000
    assert [kernel.peek(1, 0x40000 + i * 4096, 3) for i in range(3)] == [b"one", b"two", bytes(3)]
    assert kernel.peek(1, 0x10000, 1) == "EFAULT"


def test_a_shrunk_and_regrown_mapping_shows_zeros(kernel):
    """Pages that were cut off do not come back with the old contents."""
    mapped(kernel, 0x10000, PRIVATE | ANON, pages=2)
    kernel.poke(1, 0x11000, b"secret")
    kernel.call(1, 1, "mremap", (0x10000, 0x2000, 0, 0x1000, 0))
    kernel.call(1, 1, "mremap", (0x10000, 0x1000, 0, 0x2000, 0))
    assert kernel.peek(1, 0x11000, 6) == bytes(6)


@pytest.mark.parametrize(("advice", "left"), [(4, b"data"), (6, bytes(4))])
def test_madvise_free_forgets_and_dontneed_keeps(kernel, advice, left):
    """DONTNEED only deactivates, unlike Linux; FREE drops the contents."""
    mapped(kernel, 0x10000, PRIVATE | ANON)
    kernel.poke(1, 0x10000, b"data")
    assert kernel.call(1, 1, "madvise", (0x10000, 4096, advice)) == 0
    assert kernel.peek(1, 0x10000, 4) == left


def test_mincore_tells_touched_pages(kernel):
    """One byte a page in the vector."""
    mapped(kernel, 0x10000, PRIVATE | ANON, pages=3)
    mapped(kernel, 0x20000, PRIVATE | ANON)
    kernel.poke(1, 0x11000, b"x")
    assert kernel.call(1, 1, "mincore", (0x10000, 0x3000, 0x20000)) == 0
    assert kernel.peek(1, 0x20000, 3) == b"\0\1\0"


@pytest.mark.parametrize(
    ("prot", "access", "allowed"),
    [(1, "read", True), (1, "write", False), (1, "exec", False), (3, "write", True), (5, "exec", True), (0, "read", False)],
)  # fmt: skip
def test_fill_obeys_the_protection(kernel, prot, access, allowed):
    """The MMU gets a page only for an access that the protection allows."""
    mapped(kernel, 0x10000, PRIVATE | ANON, prot=prot)
    assert (kernel.fill(1, 0x10000, access) is not None) is allowed


def test_a_private_file_page_is_read_only_until_written(kernel):
    """Copy on write: the first write gets a page of its own."""
    mapped(kernel, 0x10000, PRIVATE, fd=3)
    original, perms = kernel.fill(1, 0x10000, "read")
    assert perms == 1
    copy, perms = kernel.fill(1, 0x10000, "write")
    assert (perms, copy != original) == (3, True)
    assert kernel.fill(1, 0x10000, "read") == (copy, 3)


def test_a_poke_over_a_hole_writes_nothing(kernel):
    """EFAULT, and the page before the hole is untouched."""
    mapped(kernel, 0x10000, PRIVATE | ANON)
    assert kernel.poke(1, 0x10FFE, b"code") == "EFAULT"
    assert kernel.peek(1, 0x10FFE, 2) == bytes(2)
