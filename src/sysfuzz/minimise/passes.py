"""The policy of minimising: a table of named passes, from which the search takes the first proposal that still shows the bug.

The order, which matters since each accepted step begins with the first pass again:

1. What comes behind the verdict, then ops by halves: the fewer ops there are, the less every later pass has to try, and the faster each run is.
2. Code: one kernel entry instead of everything is a handful of tries and most often enough; else registers instead of loads, cuts by halves,
   NOPs (which let later cuts get by the jumps), plain encodings.
3. Registers and headers: few tries each. The default mode has no other encodings of the same thing to choose between.
4. References become numbers, and regions come to canonical places; only then are equal addresses equal, and lengths as short as they can be.
5. Flags, arguments, bytes of operands, registers' values: many small steps, on what is left.
6. What succeeds least: pairs of ops, an attribute that code had attached, other calls, other arrangements of mappings and arguments, and,
   last, the order of ops.

Every proposal is valid, and smaller by `order`.
"""

from collections.abc import Callable, Iterator

from sysfuzz.minimise import passes_code as code
from sysfuzz.minimise import passes_ops as ops
from sysfuzz.minimise import passes_places as places
from sysfuzz.minimise import passes_values as values
from sysfuzz.minimise.order import is_smaller
from sysfuzz.minimise.search import Pass, Shown
from sysfuzz.program.ir import Program


def _pass(name: str, propose: Callable[[Shown], Iterator[Program]]) -> Pass:
    """A pass that proposes only what is smaller."""
    return Pass(name, lambda shown: (new for new in propose(shown) if is_smaller(new, shown.program)))


PASSES: tuple[Pass, ...] = (
    _pass("tail", ops.tail),
    _pass("ops", ops.chunks),
    _pass("entry alone", code.entry_alone),
    _pass("loads", code.loads),
    _pass("cuts", code.cuts),
    _pass("nops", code.nops),
    _pass("plain entries", code.plain_entries),
    _pass("join pokes", ops.joined),
    _pass("registers", values.registers),
    _pass("headers", values.headers),
    _pass("anonymous", values.anonymous),
    _pass("references", values.references),
    _pass("places", places.places),
    _pass("whole pages", places.whole_pages),
    _pass("offsets", places.offsets),
    _pass("flags", values.flags),
    _pass("arguments", values.arguments),
    _pass("plain bytes", code.plain_bytes),
    _pass("register values", values.register_values),
    _pass("pairs", ops.pairs),
    _pass("attached by hand", code.attached_by_hand),
    _pass("plainer calls", ops.plainer_calls),
    _pass("overlay", ops.overlaid),
    _pass("beside", places.beside),
    _pass("exchange", ops.exchanged),
    _pass("sort", ops.sorted_ops),
)
