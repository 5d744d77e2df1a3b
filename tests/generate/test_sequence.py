"""References follow the op that they name, whatever is done to the sequence; limits are kept."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.generate.sequence import arrange, fit, insert, literal, replace, shift
from sysfuzz.program.ir import CALLS, MAX_CODE, MAX_OPS, Arg, Kind, Op, Program, Ref, int_range


def chain(count: int, rng: Random) -> list[Op]:
    """`count` ops, each with a status of its own; a third of them name an earlier one, by an offset that says which."""
    ops: list[Op] = []
    for index in range(count):
        if index and rng.random() < 0.5:
            target = int(rng.random() * index)
            ops.append(Op("munmap", (Ref(target, 1000 + target), 1 + index)))
        else:
            ops.append(Op("munmap", (0x10000, 1 + index)))
    return ops


def identity(op: Op) -> Arg:
    """The number that tells ops of a chain apart."""
    return op.args[1]


def check(ops: list[Op]) -> int:
    """Every reference names the op whose identity its offset tells; return the number of references."""
    count = 0
    for index, op in enumerate(ops):
        target = op.args[0]
        if isinstance(target, Ref):
            assert target.op < index
            assert identity(ops[target.op]) == target.offset - 999
            count += 1
    return count


SIZES = st.integers(1, 12)


@given(st.randoms(use_true_random=False), SIZES, SIZES, st.data())
def test_references_survive_an_insertion(rng: Random, count: int, more: int, data: st.DataObject) -> None:
    """Ops before and behind the new ones name what they named; the new ones name earlier ops of the whole."""
    ops = chain(count, rng)
    at = data.draw(st.integers(0, count))
    new = [Op("mlock", (Ref(at - 1, 7) if at else 0, 500 + extra)) for extra in range(more)]
    result = insert(ops, at, new)
    assert [identity(op) for op in result] == [
        *(identity(op) for op in ops[:at]),
        *(500 + extra for extra in range(more)),
        *(identity(op) for op in ops[at:]),
    ]
    rest = [op for op in result if op.call == "munmap"]
    for index, op in enumerate(result):
        target = op.args[0]
        if isinstance(target, Ref) and op.call == "munmap":
            assert target.op < index
            assert identity(result[target.op]) == target.offset - 999
    assert len(rest) == count


@given(st.randoms(use_true_random=False), SIZES, SIZES, st.data())
def test_what_named_a_replaced_op_names_the_last_of_the_new(
    rng: Random, count: int, more: int, data: st.DataObject
) -> None:
    """All other references are as before."""
    ops = chain(count, rng)
    at = data.draw(st.integers(0, count - 1))
    result = replace(ops, at, [Op("mlock", (0, 500)) for _ in range(more)])
    assert len(result) == count + more - 1
    for op in result:
        target = op.args[0]
        if isinstance(target, Ref):
            named = result[target.op]
            if target.offset - 1000 == at:
                assert target.op == at + more - 1
            else:
                assert identity(named) == target.offset - 999


@given(st.randoms(use_true_random=False), SIZES, st.data())
def test_references_survive_any_order(rng: Random, count: int, data: st.DataObject) -> None:
    """After deleting and permuting, a reference names the same op or has become a number."""
    ops = chain(count, rng)
    order = data.draw(st.permutations(range(count)).flatmap(lambda p: st.integers(0, count).map(lambda n: p[:n])))
    result = arrange("amd64", ops, order)
    assert [identity(op) for op in result] == [index + 1 for index in order]
    Program(ops=tuple(result)).validate()
    for place, (index, op) in enumerate(zip(order, result, strict=True)):
        before, after = ops[index].args[0], op.args[0]
        if isinstance(before, Ref):
            if before.op in order[:place]:
                assert isinstance(after, Ref)
                assert identity(result[after.op]) == before.op + 1
            else:
                assert after == before.offset  # the result of munmap, 0, and the offset
        else:
            assert after == before


def test_a_lost_reference_becomes_the_number_that_was_meant() -> None:
    """Without the mapping, its address stays; without the fork, the pid."""
    ops = [
        Op("mmap", (0x10000, 0x1000, 5, 0x11012, -1, 0)),
        Op("fork"),
        Op("as", (Ref(1), 0)),
        Op("run", (Ref(0, 0x10), 0)),
    ]
    assert arrange("amd64", ops, (2, 3)) == [Op("as", (2, 0)), Op("run", (0x10010, 0))]


def test_an_op_can_stand_twice() -> None:
    """What named it names its first copy."""
    ops = [Op("fork"), Op("as", (Ref(0), 0))]
    assert arrange("amd64", ops, (0, 0, 1)) == [Op("fork"), Op("fork"), Op("as", (Ref(0), 0))]


def test_shifting_leaves_early_references_alone() -> None:
    """Only those to the given op and later ones move."""
    ops = [Op("munmap", (Ref(1), Ref(4, 9)))]
    assert shift(ops, 3, 2) == [Op("munmap", (Ref(1), Ref(6, 9)))]
    assert shift(ops, 0, 1) == [Op("munmap", (Ref(2), Ref(5, 9)))]


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=255), st.none()), max_size=60))
def test_fitting_keeps_what_the_limits_allow(codes: list[bytes | None]) -> None:
    """The first 40 ops stay, each with a prefix of its code, and nothing is cut that had room."""
    ops = [Op("fork") if code is None else Op("poke", (0x10000, code)) for code in codes]
    fitted = fit(ops)
    Program(ops=fitted).validate()
    assert len(fitted) == min(len(ops), MAX_OPS)
    lengths = []
    for before, after in zip(ops, fitted, strict=False):
        assert after.call == before.call
        if after.call == "poke":
            code, whole = after.args[1], before.args[1]
            assert isinstance(code, bytes)
            assert isinstance(whole, bytes)
            assert whole.startswith(code)
            lengths.append((len(code), len(whole)))
    if sum(whole for _, whole in lengths) <= MAX_CODE:
        assert all(kept == whole for kept, whole in lengths)


@given(
    st.sampled_from([param.kind for params in CALLS.values() for param in params if param.kind != Kind.HEX]),
    st.integers(),
)
def test_literals_are_in_range(kind: str, value: int) -> None:
    """Any number becomes one that the kind allows; one that is in range stays as it is."""
    for mode in ("amd64", "i386"):
        low, high = int_range(kind, mode)
        result = literal(mode, kind, value)
        assert low <= result <= high
        if low <= value <= high:
            assert result == value
