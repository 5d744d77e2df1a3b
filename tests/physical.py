"""Physical memory for tests of the core alone: a plain buffer, no emulator."""


class PlainMemory:
    """Implements kernel.protocol.Memory; pages are handed out in order and never again."""

    def __init__(self, pages: int = 4096) -> None:
        self._buffer = bytearray(pages * 4096)
        self._next = 0

    def allocate(self) -> int:
        """A fresh page of zeros."""
        paddr = self._next
        self._next += 4096
        assert paddr < len(self._buffer), "the test needs more memory"
        return paddr

    def read(self, paddr: int, count: int) -> bytes:
        """Bytes at a physical address."""
        return bytes(self._buffer[paddr : paddr + count])

    def write(self, paddr: int, data: bytes) -> None:
        """Write at a physical address."""
        self._buffer[paddr : paddr + len(data)] = data
