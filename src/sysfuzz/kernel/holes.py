"""The holes of an address space, so that the first one that is long enough is found without a walk over the map.

A tree over the pages of the address space: each node knows the longest hole that starts below each of its children, as the entries of UVM's map
do (`maxgap`, uvm_map.c). Its depth is that of the address space, 9 levels for 2^36 pages, so that no number of mappings makes an answer or a
change dearer. Knows pages, but no mappings: what lies between two holes is nobody's business here.
"""

from sysfuzz.program.names import PAGE

_BITS = 4  # of a page's number, a level
_CHILDREN = 1 << _BITS
_LAST = _CHILDREN - 1


class Holes:
    """Free ranges below `end`, by their starts. => all numbers are multiples of the page size."""

    __slots__ = ("_end", "_levels")

    def __init__(self, end: int) -> None:
        self._end = end
        # From the leaves up: a node's number -> the longest hole below each child. A node without a hole below it is not there.
        self._levels: list[dict[int, list[int]]] = []
        pages = end // PAGE
        while pages:
            self._levels.append({})
            pages >>= _BITS

    def put(self, start: int, length: int) -> None:
        """The hole at `start` has `length` bytes from now on; 0: there is none."""
        number = start // PAGE
        for level in self._levels:
            child = number & _LAST
            number >>= _BITS
            node = level.get(number)
            if node is None:
                if not length:
                    return
                node = level[number] = [0] * _CHILDREN
            before = max(node)
            node[child] = length
            length = max(node)
            if length == before:
                return  # and so it is further up
            if not length:
                del level[number]

    def first(self, addr: int, size: int) -> int:
        """Start of the first hole at or after `addr` that has `size` bytes; the end of all if there is none."""
        number = addr // PAGE
        child = number & _LAST
        for height, level in enumerate(self._levels):
            number >>= _BITS
            node = level.get(number)
            if node is not None:
                while child < _CHILDREN:
                    if node[child] >= size:
                        return self._leftmost(height, number << _BITS | child, size)
                    child += 1
            child = (number & _LAST) + 1
        return self._end

    def _leftmost(self, height: int, number: int, size: int) -> int:
        """Start of the first hole of `size` bytes below child `number` of a node at `height`. => there is one."""
        while height:
            height -= 1
            node = self._levels[height][number]
            child = 0
            while node[child] < size:
                child += 1
            number = number << _BITS | child
        return number * PAGE
