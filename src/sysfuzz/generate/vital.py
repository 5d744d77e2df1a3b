"""Which ops the last run of a program cannot do without: its code and its process, and what the bytes of the program are put into.

A mutation that takes one of them away mostly leaves a run that faults at its first byte, which shows nothing. It is a look at numbers and
references alone, without a forecast, and may miss what was inherited.
"""

from collections.abc import Sequence

from sysfuzz.program.ir import Arg, Op, Ref

_BIRTHS = ("fork", "vfork")


def vital(ops: Sequence[Op]) -> set[int]:
    """Indices of these ops; empty if nothing runs."""
    last = len(ops) - 1
    while last >= 0 and ops[last][0] != "run":
        last -= 1
    if last < 0:
        return set()
    start = ops[last][1][0]
    needed = {last}
    wanted = [start]  # addresses under which there must be a mapping
    child: Arg | None = None  # the argument of the last as()
    for index in range(last - 1, -1, -1):
        call, args = ops[index]
        if call == "poke":
            wanted.append(args[0])
            if 0 <= distance(start, args[0]) < _length(args[1]):
                needed.add(index)
        elif call == "mmap":
            size = _length(args[1])
            left = [at for at in wanted if not 0 <= distance(at, args[0]) < size]
            if len(left) < len(wanted):
                needed.add(index)
                wanted = left
        elif call == "mremap":
            size = _length(args[3])
            for at in wanted:
                if 0 <= distance(at, args[2]) < size or 0 <= distance(at, args[0]) < size:
                    needed.add(index)
                    wanted.append(args[0])
                    break
        elif call == "as" and child is None:
            child = args[0]
            needed.add(index)
    for index in tuple(needed):
        for arg in ops[index][1]:
            if isinstance(arg, Ref):
                needed.add(arg.op)
    if isinstance(child, int) and child > 1:
        needed.update([index for index, op in enumerate(ops) if op[0] in _BIRTHS][: child - 1])
    return needed


def _length(arg: Arg) -> int:
    """Of code, or as a number; 0 where that depends on the result of an op."""
    if isinstance(arg, int):
        return arg
    return len(arg) if isinstance(arg, bytes) else 0


def distance(at: Arg, start: Arg) -> int:
    """Bytes from `start` to `at`; -1 if that cannot be said of them without a look at the map."""
    if isinstance(at, int):
        return at - start if isinstance(start, int) else -1
    if isinstance(at, Ref) and isinstance(start, Ref) and at.op == start.op:
        return at.offset - start.offset
    return -1
