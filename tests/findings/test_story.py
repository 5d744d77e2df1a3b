"""Stories: two of them word by word, and what holds for each: short lines, no address from nowhere, no op that has nothing to do with it."""

import random
import re
from pathlib import Path

import pytest

from sysfuzz.bench import weaknesses
from sysfuzz.findings.bucket import group
from sysfuzz.findings.explain import explain
from sysfuzz.findings.explanation import PARTED, Explanation, Moment
from sysfuzz.findings.story import story
from sysfuzz.generate.fresh import fresh
from sysfuzz.oracles import judge
from sysfuzz.program.text import format_program, load, parse
from sysfuzz.targets.table import get

PROGRAMS = sorted((Path(__file__).parents[1] / "weaknesses").glob("*.prog"))

MERGE = """\
mode amd64
reg rax = 0x14
mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
mmap(0x11000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
poke(0x11000, "0f05c3")
run(0x11000)
"""

MERGE_STORY = """\
# getpid from a no-syscalls page is dispatched: mmap loses no-syscalls when it merges entries

Bucket `attribute/mmap/merge`, critical, seen by the oracle `escape` at op 3, event 0.

## What happens

The program has 4 ops, for amd64 on an AMD CPU. Ops 1, 2 and 3 matter for page 0x11000 of process 1:

1. Op 1, `mmap(0x11000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)`:
   the core makes the page part of one entry, 0x10000-0x12000, without no-syscalls. **Here core and spec
   part:** the core holds `r-x`, and must hold `r-x no-syscalls`.
2. Op 2, `poke(0x11000, "0f05c3")`:
   writes the instruction in question.
3. Op 3, event 0, `getpid()` from 0x11000:
   dispatched, where SIGILL is due.

## Expected and actual

```
0x11000: 0f05  syscall
```

* Expected: SIGILL/ILL_ILLTRP with si_addr 0x11000.
* Actual: getpid is dispatched and returns 1.

## Rule

> FIXED replaces what was there. Pages get prot, maxprot, inheritance SHARE if SHARED else COPY, advice
> NORMAL, wired once if row 9 applied (else 0), and the attributes asked for.

(docs/semantics.md, section "mmap(addr, len, prot, flags, fd, offset)")

## The core's map

Before op 1:

| process | range           | holds |
|---------|-----------------|-------|
| 1       | 0x10000-0x11000 | r-x   |

After op 1:

| process | range           | holds |             |
|---------|-----------------|-------|-------------|
| 1       | 0x10000-0x12000 | r-x   | <- the page |
"""

PANIC = """\
mode i386
vendor intel
mmap(0x10000, 0x2000, PROT_READ, MAP_INHERIT|MAP_ANON|MAP_NOSYSCALLS|0x8000, -1, 0)
"""

PANIC_STORY = """\
# mmap with bad flags makes the kernel panic: sys_mmap: bad flags

Bucket `panic/sys_mmap: bad flags`, high, seen by the oracle `panic` at op 0.

## What happens

The program has 1 op, for i386 on an Intel CPU. Op 0 matters for process 1:

1. Op 0, `mmap(0x10000, 0x2000, PROT_READ, MAP_INHERIT|MAP_ANON|MAP_NOSYSCALLS|0x8000, -1, 0)`:
   the core panics; a correct one answers EINVAL.

## Expected and actual

* Expected: mmap answers EINVAL.
* Actual: the kernel panics.

The core says "sys_mmap: bad flags 0x19080", in sysfuzz.kernel.flags:_refuse. 0x8000 is no flag that mmap
knows. MAP_NOSYSCALLS with MAP_INHERIT is not supported: exec does not keep the attribute.

## Rule

> `prot` bits beyond 7 are dropped. Unknown flag bits: EINVAL. Unsupported combination: EOPNOTSUPP.

(docs/semantics.md, section "mmap(addr, len, prot, flags, fd, offset)")
"""


@pytest.mark.parametrize(("text", "expected"), [(MERGE, MERGE_STORY), (PANIC, PANIC_STORY)], ids=["merge", "panic"])
def test_word_by_word(text, expected):
    """A story of the flag of 2011 reads as it was written down."""
    program, target = parse(text).program, get("nosyscalls-2011")
    (bucket,) = group(judge(program, target.run(program)))
    assert story(explain(target, program, bucket), program) == expected


def told(target, program):
    """(explanation, story, outcome) of each bucket that a run shows."""
    outcome = target.run(program)
    for bucket in group(judge(program, outcome)):
        explanation = explain(target, program, bucket)
        yield explanation, story(explanation, program), outcome


def from_nowhere(text, program, outcome):
    """Addresses of a story that are neither in the program nor in a map of the run nor in a call that code made; facts about the CPU and the
    rule have others.
    """
    given = {int(number, 16) for number in re.findall(r"\b0x[0-9a-f]+", format_program(program))}
    replies = [event.reply for step in outcome.steps for event in step.events if event.reply is not None]
    given |= {arg for reply in replies for arg in reply.args}
    maps = [view for views in (outcome.boot, *(step.views for step in outcome.steps)) for view in views]
    regions = {region[:2] for view in maps for region in view.regions}
    text = re.sub(r"(?<=\* Actual: )(.*?)\n\n.*?(?=## The core|\Z)", r"\1", text, flags=re.DOTALL)
    for number in sorted({int(number, 16) for number in re.findall(r"\b0x[0-9a-f]+", text)}):
        near = number < 0x1000 or any(
            abs(number - known) < 0x1000 for known in given
        )  # a page, or an instruction within a poke
        if not near and not any(start <= number <= end for start, end in regions):
            yield hex(number)


def check(explanation, text, program, outcome):
    """What holds for every story."""
    lines = text.splitlines()
    assert lines[0] == f"# {explanation.summary}"
    assert [line for line in lines if len(line) > 110 and not line.startswith("|")] == []
    assert [line for line in lines if line != line.rstrip()] == []
    assert "\n\n\n" not in text
    if explanation.page is not None:
        assert list(from_nowhere(text, program, outcome)) == []
    # Ops that are named are those of the life, of the verdict and of the parting.
    life = text[text.index("## What happens") : text.index("## Expected and actual")]
    assert {int(op) for op in re.findall(r"^\d+\. Op (\d+)", life, re.MULTILINE)} == {
        moment.op for moment in explanation.life if moment.op >= 0
    }


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_stories_of_the_planted_weaknesses(path):
    """Every planted weakness has a story whose lines are short, whose addresses are the program's or the map's, with the rule it breaks."""
    program = load(path).program
    found = list(told(weaknesses.target(path.stem), program))
    assert found
    for explanation, text, outcome in found:
        check(explanation, text, program, outcome)
        assert "docs/semantics.md" in text


def test_there_are_programs():
    """A collection that was lost must not pass."""
    assert len(PROGRAMS) >= 30


@pytest.mark.parametrize(
    "name", ["merge_ignores", "move_loses", "fork_loses", "mark_munmap", "frame_addr", "unchecked_syscall"]
)
def test_stories_of_programs_full_of_noise(name):
    """Whatever a generated program does besides, each of its buckets has a story, and it is the same each time."""
    generator = random.Random(name)
    target = weaknesses.target(name)
    stories = 0
    for _ in range(60):
        program = fresh(generator)
        for explanation, text, outcome in told(target, program):
            check(explanation, text, program, outcome)
            again = explain(target, program, explanation.bucket)
            assert (again, story(again, program)) == (explanation, text)
            stories += 1
    assert stories


def moment(op, core, spec, note):
    return Moment(op, -1, f"munmap({op:#x}000, 0x1000)", core, spec, note)


def test_states_are_told_where_they_change():
    """A state that goes on is not told again; one that differs is told for both sides, and where they part in bold."""
    explanation = Explanation(
        bucket="a/b", oracle="map", op=3, event=-1, summary="s", expected="e", actual="a", pid=1, page=0x10000,
        life=(
            moment(0, "r-x", "r-x", "maps the page without no-syscalls"),
            moment(1, "r-x", "r-x", "maps the page anew"),
            moment(2, "rwx", "r-x", f"the core changes the page: {PARTED}"),
            moment(3, "rwx", "r--", "changes the page"),
        ),
        entered=None, rule="Nothing changes (docs/semantics.md, Environment)", before=(), after=(),
    )  # fmt: skip
    text = story(explanation, parse(MERGE).program)
    assert re.findall(r"^   (\S.*)$", text, re.MULTILINE) == [
        "maps the page without no-syscalls. Now: `r-x`.",
        "maps the page anew.",
        "the core changes the page. **Here core and spec part:** the core holds `rwx`, and must hold `r-x`.",
        "changes the page. The core holds `rwx`, and must hold `r--`.",
    ]
    assert '> Nothing changes\n\n(docs/semantics.md, section "Environment")' in text
    assert "map" not in text[text.index("## Rule") :].replace("semantics", "")
