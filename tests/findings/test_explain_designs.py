"""Explanations of bugs on the designs with a check of their own: the guard in words, the entry, the rule; nothing about pages where none matter.

What is expected here was written by hand from the designs' pages and the programs.
"""

from pathlib import Path

import pytest

from sysfuzz.findings.bucket import group
from sysfuzz.findings.designbook import ANSWERS, IMMUTABLE, PROMISED
from sysfuzz.findings.explain import explain
from sysfuzz.findings.explanation import PARTED
from sysfuzz.findings.story import story
from sysfuzz.oracles.judge import judge
from sysfuzz.program.text import parse
from sysfuzz.spec.promise import PROMISES, REFERENCE
from sysfuzz.targets import table

HOME = Path(__file__).parents[2]
PAGES = (
    "mode amd64\nreg rax = 0x14\n"
    "mmap(0x10000, 0x2000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)\n"
    'poke(0x10ffe, "0f05c3")\n'
)

# Target, program, bucket; a piece of the title; the op that parted core and spec (None: they never did), the guard of the core and that of the
# spec behind it; a sentence of the details.
CASES = [
    ("syscallemu", PAGES + "syscallemu(0x10000, 0x11000)\nfork()\nas(2)\nrun(0x10ffe)\n", "guard/fork",
     "getpid from the armed range is dispatched: fork leaves process 2 without its armed range",
     (3, "no range armed", "0x10000-0x11000 armed"), "0x10ffe-0x10fff: no call may come from any of them"),
    ("syscallemu", PAGES + "syscallemu(0x10000, 0x11000)\nktrace(1)\n", "guard/ktrace",
     "ktrace leaves process 1 without its armed range", (3, "no range armed", "0x10000-0x11000 armed"), "tracing takes the filter away"),
    ("syscallemu", PAGES + "syscallemu(0x10fff, 0x11000)\nrun(0x10ffe)\n", "check/entry/tail",
     "its first bytes do not lie there", None, "0x10ffe-0x10fff: no call may come from 0x10fff"),
    ("syscallemu", PAGES + "syscallemu(0x11000, 0x12000)\nrun(0x10ffe)\n", "overblock/entry/next",
     "getpid from outside of the armed range is refused: the next address does not lie there", None,
     "The next address is 0x11000, from where no call may come"),
    ("msyscall", PAGES + "msyscall(0x11000, 0x1000)\nrun(0x10ffe)\n", "check/entry/next",
     "getpid from a page that is not permitted is dispatched", None, "The next address is 0x11000, from where calls may come"),
    ("seccomp-ip", PAGES + "seccomp(0x10000, 0x11000)\nrun(0x10ffe)\n", "check/entry/next",
     "getpid from a filtered range is dispatched", None, "looks at the address behind the instruction alone"),
    ("sud", PAGES + "sud(PR_SYS_DISPATCH_ON, 0x11000, 0x1000, 0)\nrun(0x10ffe)\n", "check/entry/next",
     "getpid from the refused range is dispatched", None, "The entry is made by LWP 1"),
    ("sud", PAGES + "sud(PR_SYS_DISPATCH_ON, 0x11000, 0x1000, 0)\nfork()\n", "guard/fork",
     "fork leaves process 2 without its setting of user dispatch",
     (3, "no setting", "LWP 1 only from 0x11000-0x12000"), "It is by design, and documented: PR_SET_SYSCALL_USER_DISPATCH(2const)"),
    ("sud", PAGES + "sud(PR_SYS_DISPATCH_ON, 0x11000, 0x1000, 0)\nrun(0xffffffffff600400)\n", "check/vsyscall",
     "it goes through the vsyscall page", None, "the kernel does the call there and then"),
    ("seccomp-ip", "mode amd64\nseccomp(0xffffffffff600000, 0xffffffffff601000)\nrun(0xffffffffff600400)\n", "frame/vsyscall/pc-registers",
     "are wrong when a vsyscall is refused", None, "It is by design, and documented: Documentation/userspace-api"),
    ("pinsyscalls", "mode amd64\npinsyscalls(0, 0, 0, 0)\npinsyscalls(0, 0, 0, 0)\n", "result/pinsyscalls/EINVAL/EPERM",
     "pinsyscalls fails with EPERM where EINVAL is due", None, "a call of pinsyscalls that fails has spent"),
]  # fmt: skip


def explained(name, text, bucket):
    """The explanation of a bucket of a program on a design, and its story."""
    program = parse(text).program
    found = explain(table.get(name), program, bucket)
    assert found is not None
    return found, story(found, program)


@pytest.mark.parametrize(("name", "text", "bucket", "title", "parting", "detail"), CASES)
def test_what_is_told(name, text, bucket, title, parting, detail):
    """The title, the moment at which guard and promise part, the decisive fact, and a rule of the design's own page."""
    found, whole = explained(name, text, bucket)
    assert title in found.summary
    parted = [(moment.op, moment.core, moment.spec) for moment in found.life if moment.note.endswith(PARTED)]
    assert parted == ([parting] if parting else [])
    assert any(detail in sentence for sentence in found.details)
    assert f"docs/targets/{name}.md" in found.rule
    for word in ("no-syscalls", "marked", "#None"):
        assert word not in whole


def test_by_design_is_told_as_what_it_is():
    """The oracle is that of the class, the explanation that of the difference."""
    found, whole = explained("sud", CASES[7][1], "guard/fork")
    assert found.oracle == "by-design"
    assert "Bucket `guard/fork`, by design, seen by the oracle `by-design` at op 3." in whole
    assert found.expected == "the guard of process 2 is 'LWP 1 only from 0x11000-0x12000'"


def test_the_life_of_a_guard():
    """What armed it, what wrote the instruction, what took it, and the call: each with the guard for the core and by the promise."""
    found, _ = explained("syscallemu", CASES[0][1], "guard/fork")
    armed, none = "0x10000-0x11000 armed", "no range armed"
    assert [(moment.op, moment.core, moment.spec) for moment in found.life] == [
        (1, none, none),
        (2, armed, armed),
        (3, none, armed),
        (5, none, armed),
    ]
    assert (found.pid, found.page) == (2, None)


def test_pages_where_they_decide():
    """On a design that goes by pages the life is that of the page, in the words of its own attribute."""
    text = PAGES + "msyscall(0x10000, 0x1000)\nrun(0x10ffe)\n"
    found, _ = explained("msyscall", text, "overblock/entry/next")
    assert found.page == 0x10000
    assert [moment.note for moment in found.life][:3] == [
        "maps the page without permission",
        "writes the instruction in question",
        "sets permission",
    ]
    assert found.life[2].core == "r-x permitted"


@pytest.mark.parametrize("name", PROMISES)
def test_nothing_crashes(name):
    """Every bucket that a program shows which does a bit of everything is explained, on every design."""
    text = PAGES + "".join(
        f"{line}\n"
        for line in (
            "syscallemu(0x10000, 0x11000)",
            "msyscall(0x11000, 0x1000)",
            "pinsyscalls(0x10000, 0x1000, 0x10000, 30)",
            "sud(PR_SYS_DISPATCH_ON, 0x11000, 0x1000, 0)",
            "seccomp(0x10000, 0x11000)",
            "run(0x10ffe)",
            "lwp_create()",
            "vfork()",
            "as(2)",
            "run(0x10ffe)",
            "exec()",
            "syscallemu(0x10000, 0x11000)",
        )
    )
    program, target = parse(text).program, table.get(name)
    buckets = group(judge(program, target.run(program), target.promise))
    assert buckets or name in ("nosyscalls", "pinsyscalls")
    for bucket in buckets:
        found = explain(target, program, bucket)
        assert found is not None
        assert story(found, program).startswith(f"# {found.summary}\n")


def plain(text):
    """Text on one line."""
    return " ".join(text.split())


@pytest.mark.parametrize("rule", [*PROMISED.values(), *ANSWERS.values(), IMMUTABLE], ids=lambda rule: rule.text[:40])
def test_quoted_word_by_word(rule):
    """Every rule of a design stands on its page, as it is quoted; of a row of a table the words in each cell."""
    page = plain((HOME / rule.page).read_text(encoding="utf-8"))
    assert f"**{rule.section}.**" in page
    assert plain(rule.text) in page


def test_every_promise_has_its_rule():
    """No design but the flag's, which has the semantics, is without a rule to quote."""
    assert set(PROMISED) == set(PROMISES) - {REFERENCE.name}
