"""Features: which behaviour is told apart, and that the number of features is bounded."""

import pytest

from sysfuzz.engine.settings import CODE_COUNTERS
from sysfuzz.feedback.counters import MAP_SIZE, CounterMap
from sysfuzz.feedback.features import DOMAINS, Features, _Domain
from sysfuzz.program.text import parse
from sysfuzz.targets.table import get

MAP = "mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON{}, -1, 0)\n"
CALL = 'poke({0}, "{1}")\nrun({0})\n'


@pytest.fixture(scope="module")
def target():
    return get("nosyscalls")


def marks(target, text, mode="amd64", without=()):
    """The counters that a program sets, by domain."""
    counters = CounterMap()
    features = Features(counters, without)
    program = parse(f"mode {mode}\nreg {'rax' if mode == 'amd64' else 'eax'} = 0x14\n{text}").program
    features.mark(program, target.run(program))
    return {domain: set(indices) for domain, indices in counters.shown().items()}


@pytest.mark.parametrize(
    ("domain", "one", "other"),
    [
        ("calls", MAP.format(""), MAP.format("|MAP_NOSYSCALLS")),
        ("calls", MAP.format(""), MAP.format("|0x8")),
        ("calls", "munmap(0x1000, 0x1000)\n", "munmap(0, 0x1000)\n"),
        ("transitions", MAP.format(""), MAP.format("") + MAP.format("")),
        ("entries", MAP.format("") + CALL.format("0x10000", "0f05"), MAP.format("") + CALL.format("0x10000", "cd80")),
        ("entries", MAP.format("") + CALL.format("0x10100", "0f05"), MAP.format("") + CALL.format("0x10ffe", "0f05")),
        ("entries", MAP.format("") + CALL.format("0x10100", "0f05"), MAP.format("") + CALL.format("0x10100", "660f05")),
        ("entries", MAP.format("") + CALL.format("0x10100", "0f05"), MAP.format("|MAP_NOSYSCALLS") + CALL.format("0x10100", "0f05")),
        ("events", MAP.format("") + CALL.format("0x10100", "c3"), MAP.format("") + CALL.format("0x10100", "0f05c3")),
    ],
)  # fmt: skip
def test_what_is_told_apart(target, domain, one, other):
    """Two programs that differ in what the domain is about set different counters in it."""
    assert marks(target, one)[domain] != marks(target, other)[domain]


def test_addresses_are_not_told_apart(target):
    """The same thing at another address is the same behaviour."""
    text = MAP.format("|MAP_NOSYSCALLS") + CALL.format("0x10100", "0f05")
    assert marks(target, text) == marks(target, text.replace("0x10", "0x50"))


def test_unassigned_numbers_are_one_feature(target):
    """Whatever number code asks for, an unassigned one is one call: features stay few."""
    texts = [MAP.format("") + CALL.format("0x10100", f"b8{number:02x}000000cd80c3") for number in (21, 22, 99)]
    assert len({str(marks(target, text)) for text in texts}) == 1


def test_a_call_by_code_is_marked_with_its_errno(target):
    """What a call made by code answered is a feature of the domain of calls."""
    well, badly = (
        MAP.format("") + CALL.format("0x10100", f"b849000000{setup}cd80c3") for setup in ("6690", "be00100000")
    )
    assert marks(target, well)["calls"] != marks(target, badly)["calls"]


def test_domains_fit_the_map():
    """All domains and the branches of the core have room."""
    assert sum(DOMAINS.values()) + CODE_COUNTERS <= MAP_SIZE


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_can_be_switched_off(target, domain):
    """Without a domain, what it would show is shown by nobody, and the others show what they did."""
    text = MAP.format("") + MAP.format("|MAP_NOSYSCALLS") + CALL.format("0x10100", "0f05")
    every = marks(target, text)
    assert every[domain]
    assert marks(target, text, without=(domain,)) == {name: shown for name, shown in every.items() if name != domain}


def test_the_branches_of_the_core_can_be_switched_off():
    """Their counters are those of whoever instruments the core, and belong to the same map."""
    counters = CounterMap()
    counters.slice("code", 4)[0] = 1
    Features(counters, ["code"])
    assert "code" not in counters.shown()


def test_an_unknown_domain_is_refused():
    """A misspelt name would switch nothing off, and the benchmark would say that nothing pays."""
    with pytest.raises(
        ValueError, match="unknown feature domain 'call'; supported: calls, transitions, entries, events, code"
    ):
        Features(CounterMap(), ["call"])


def test_no_feature_hides_behind_another():
    """As many features as there are counters have one each; those that come later share."""
    counters = bytearray(64)
    domain = _Domain(counters)
    for feature in range(64):
        counters[:] = bytes(64)
        domain.mark(feature)
        assert sum(counters) == 1
    counters[:] = bytes(64)
    for feature in range(64):
        domain.mark(feature)
    assert sum(counters) == 64
    domain.mark("one more")
    assert sum(counters) == 64


def test_a_feature_keeps_its_counter():
    """It is the same at each execution, and in every domain of that size whose counters are not crowded."""
    one, other = bytearray(4096), bytearray(4096)
    first, second = _Domain(one), _Domain(other)
    second.mark("met before")
    other[:] = bytes(4096)
    for _ in range(2):
        first.mark("feature")
        second.mark("feature")
    assert one == other
    assert sum(one) == 1
