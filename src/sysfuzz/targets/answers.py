"""Whether what a core answers is what the protocol allows; what is not is a panic of the core, not an error of whoever reads it later.

Types are looked at all the way down, values only where the machine has no use for others. What a right answer is, is the oracles' question.
"""

from collections.abc import Collection
from itertools import chain

from sysfuzz.kernel.protocol import Frame, KernelPanic
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Delivered, Region, Reply, View

_INTS = frozenset((int,))
_REGIONS = frozenset((Region,))
_PAGE_MASK = PAGE - 1
_WORD = 1 << 64


def expect(kind: type | tuple[type, ...], answer: object, method: str) -> None:
    """Panic unless `answer` is one of `kind`; a truth value is no number."""
    if not isinstance(answer, kind) or type(answer) is bool:
        raise KernelPanic(f"{method} answered {type(answer).__name__}, which the protocol does not allow")


def expect_truth(answer: object, method: str) -> None:
    """Panic unless `answer` is a truth value; a number will do."""
    if type(answer) is not bool:
        expect(int, answer, method)


def expect_views(views: tuple[View, ...], known: tuple[View, ...]) -> None:
    """Panic unless these are views; those among `known` have been looked at before."""
    expect(tuple, views, "views")
    seen = {id(view.regions) for view in known}
    last = 0
    for view in views:
        expect(View, view, "views")
        expect(int, view.pid, "views")
        if view.pid <= last:
            raise KernelPanic("views answered with processes that do not rise")
        last = view.pid
        expect_truth(view.marked, "views")
        if view.guard != ():
            expect(tuple, view.guard, "views")
            for row in view.guard:
                expect(tuple, row, "views")
                _expect_ints(row, "views")
                if not row:
                    raise KernelPanic("views answered with a guard that has an empty row")
        if id(view.regions) not in seen:
            expect(tuple, view.regions, "views")
            if not _REGIONS.issuperset(map(type, view.regions)):
                for region in view.regions:
                    expect(Region, region, "views")
            try:
                total: object = sum(map(sum, view.regions))  # a sum of ints is one; most maps are asked no more
            except TypeError:
                total = None
            if type(total) is not int:
                _expect_ints(list(chain.from_iterable(view.regions)), "views")


def expect_page(answer: tuple[int, int] | None, size: int) -> tuple[int, int] | None:
    """The answer to a TLB miss. Panic unless it is None, or a page of the `size` bytes of memory but the machine's, the first, and its bits."""
    if answer is not None:
        if type(answer) is not tuple or len(answer) != 2 or type(answer[0]) is not int or type(answer[1]) is not int:
            expect(tuple, answer, "fill")
            _expect_ints(answer, "fill")
        if len(answer) != 2 or not PAGE <= answer[0] < size or answer[0] & _PAGE_MASK:
            raise KernelPanic("fill answered with no page of the memory")
    return answer


def expect_reply(reply: Reply, frame: Frame, count: int, method: str) -> None:
    """Panic unless it is a Reply, and the frame, which had `count` registers, one that can be resumed."""
    expect(Reply, reply, method)
    call, args, result, signal, ends, _ = reply
    if signal is not None:
        expect(Delivered, signal, method)
        name, code, addr, pc, regs, _ = signal
        expect(str, name, method)
        expect(str, code, method)
        expect(tuple, regs, method)
        _expect_ints((addr, pc), method)
        _expect_ints(regs, method)
    expect(str, call, method)
    expect(str, ends, method)
    expect((int, str, bytes), result, method)
    if args != ():
        expect(tuple, args, method)
        _expect_ints(args, method)
    _expect_ints((frame.pc, frame.cs, frame.flags), method)
    expect(list, frame.regs, method)
    _expect_ints(frame.regs, method)
    if len(frame.regs) != count or min(frame.regs) < 0 or max(frame.regs) >= _WORD:
        raise KernelPanic(f"{method} left other registers in the frame than the CPU has")


def expect_segments(answer: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """The code segments of a process. Panic unless each is a slot and a base."""
    expect(tuple, answer, "segments")
    for pair in answer:
        expect(tuple, pair, "segments")
        _expect_ints(pair, "segments")
        if len(pair) != 2:
            raise KernelPanic("segments answered what is no slot and base")
    return answer


def expect_words(answer: tuple[str, ...]) -> tuple[str, ...]:
    """What the maps did. Panic unless it is words."""
    expect(tuple, answer, "transitions")
    for word in answer:
        expect(str, word, "transitions")
    return answer


def _expect_ints(values: Collection[object], method: str) -> None:
    if not _INTS.issuperset(map(type, values)):
        for value in values:
            expect(int, value, method)
