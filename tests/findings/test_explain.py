"""Explanations of real bugs, shown on cores with just one thing wrong each: what mattered, where core and spec parted, and why.

What is expected here was written by hand from docs/semantics.md and the programs.
"""

from pathlib import Path

import pytest

from sysfuzz.bench import weaknesses
from sysfuzz.findings.bucket import group
from sysfuzz.findings.explain import explain
from sysfuzz.findings.explanation import PARTED
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.protocol import KernelPanic
from sysfuzz.kernel.rules import Rules
from sysfuzz.oracles import ORACLES, judge
from sysfuzz.oracles.case import Case
from sysfuzz.program.outcome import Reply
from sysfuzz.program.text import load, parse
from sysfuzz.spec.follow import follow
from sysfuzz.targets.emulated import EmulatedTarget

PROGRAMS = Path(__file__).parents[1] / "weaknesses"


def ruled(**rules):
    return lambda mode, memory: Kernel(mode, memory, Rules(**rules))


class ForkForgets(Kernel):
    """The child's map has no attributes."""

    def call(self, pid, lwp, name, args):
        result = super().call(pid, lwp, name, args)
        if name == "fork":
            child = self.processes.alive[result].vm
            for entry in child.entries:
                entry.attributes = 0
            child.changed("forget")
        return result


class NeverMarks(Kernel):
    """Maps what is asked for, and does not mark the process."""

    def __init__(self, mode, memory):
        super().__init__(mode, memory)
        self.processes.mark = lambda vm: None


class IgnoresFlags(Kernel):
    """Takes one unknown flag."""

    def call(self, pid, lwp, name, args):
        if name == "mmap":
            args = (*args[:3], args[3] & ~0x800000, *args[4:])
        return super().call(pid, lwp, name, args)


class WrongErrno(Kernel):
    """munmap out of bounds is EFAULT."""

    def call(self, pid, lwp, name, args):
        result = super().call(pid, lwp, name, args)
        return "EFAULT" if (name, result) == ("munmap", "EINVAL") else result


class DamagesFrame(Kernel):
    """The signal's address and one register are wrong."""

    def enter(self, pid, lwp, frame):
        reply = super().enter(pid, lwp, frame)
        if reply.signal is None:
            return reply
        return reply._replace(signal=reply.signal._replace(addr=0x11008, regs=(1, *reply.signal.regs[1:])))


class WrongCall(Kernel):
    """Makes every call a read."""

    def enter(self, pid, lwp, frame):
        reply = super().enter(pid, lwp, frame)
        return reply._replace(call="read", args=(9, 9, 9)) if reply.call else reply


class WrongArguments(Kernel):
    """Drops the length of munmap."""

    def enter(self, pid, lwp, frame):
        reply = super().enter(pid, lwp, frame)
        return reply._replace(args=(reply.args[0], 0)) if reply.call == "munmap" else reply


class FailsTooLate(Kernel):
    """mprotect changes the first entry before it looks at the second."""

    def call(self, pid, lwp, name, args):
        result = super().call(pid, lwp, name, args)
        if (name, result) == ("mprotect", "EACCES"):
            vm = self.processes.alive[pid].vm
            vm.lookup(args[0]).prot = args[2]
            vm.changed("protect")
        return result


class UnmapsNothing(Kernel):
    """munmap succeeds and does nothing."""

    def call(self, pid, lwp, name, args):
        return 0 if name == "munmap" else super().call(pid, lwp, name, args)


class Drops(Kernel):
    """Lets nothing in and says nothing."""

    def enter(self, pid, lwp, frame):
        return Reply()


class AlwaysLocks(Kernel):
    """Takes the map lock at every entry."""

    def enter(self, pid, lwp, frame):
        return super().enter(pid, lwp, frame)._replace(locked=True)


class Insane(Kernel):
    """Finds fault with itself."""

    def check(self):
        return "entry 0x5000 is upside down"


class FirstByteOnly(Kernel):
    """Looks at the first opcode byte alone."""

    def enter(self, pid, lwp, frame):
        vm = self.processes.alive[pid].vm
        vm.carries = lambda start, end, bit: type(vm).carries(vm, start, start + 1, bit)
        return super().enter(pid, lwp, frame)


class Stillborn(Kernel):
    """Panics while it boots."""

    def __init__(self, mode, memory):
        raise KernelPanic("no root device")


RX = "PROT_READ|PROT_EXEC"
FIXED = "MAP_PRIVATE|MAP_FIXED|MAP_ANON"
PLAIN = f"mmap(0x10000, 0x1000, {RX}, {FIXED}, -1, 0)\n"
FLAGGED = f"mmap(0x11000, 0x1000, {RX}, {FIXED}|MAP_NOSYSCALLS, -1, 0)\n"
CALL = 'poke(0x11000, "0f05")\nrun(0x11000)\n'
PLAIN_CALL = 'poke(0x10000, "0f05c3")\nrun(0x10000)\n'
MERGES, MOVES = ruled(merge_compares_attributes=False), ruled(move_carries_attributes=False)


def explained(boot, text, oracle=""):
    """The explanation by `oracle` (or the first that there is) of a program for amd64, which begins with getpid's number in rax."""
    program = parse("mode amd64\nreg rax = 0x14\n" + text).program
    target = EmulatedTarget("test", "", boot)
    for bucket, verdicts in group(judge(program, target.run(program))).items():
        if oracle in ("", verdicts[0].oracle):
            return explain(target, program, bucket)
    raise AssertionError(f"no bucket whose worst oracle is {oracle}")


def parted(explanation):
    """The moments at which core and spec are said to part."""
    return [moment for moment in explanation.life if moment.note.endswith(PARTED)]


# Oracle, core, program; the page and process that mattered; the op that parted core and spec (None: they never did); a piece of the rule.
CASES = [
    ("panic", ruled(bad_flag="panic"), "fork()\nmmap(0, 0x1000, PROT_NONE, MAP_ANON|0x8, -1, 0)\n",
     None, 1, None, "Unknown flag bits: EINVAL"),
    ("escape", MERGES, PLAIN + FLAGGED + CALL, 0x11000, 1, 1, "the attributes asked for"),
    ("escape", FirstByteOnly, PLAIN + FLAGGED + 'poke(0x10fff, "0f05")\nrun(0x10fff)\n',
     0x11000, 1, None, "any of the 2 or 7 bytes"),
    ("escape", NeverMarks, FLAGGED + CALL, None, 1, 0, "marked from the first time"),
    ("attribute-lost", MOVES, FLAGGED + "mremap(0x11000, 0x1000, 0x30000, 0x1000, MAP_FIXED)\n",
     0x30000, 1, 1, "carry prot, maxprot, inheritance, advice and attributes"),
    ("attribute-lost", ForkForgets, FLAGGED + "munlockall()\nfork()\n", 0x11000, 2, 2, "attributes kept"),
    ("attribute-gained", MERGES, FLAGGED + PLAIN, 0x10000, 1, 1, "the attributes asked for"),
    ("process-flag", NeverMarks, PLAIN + FLAGGED, None, 1, 1, "marked from the first time"),
    ("flag-accepted", IgnoresFlags, "mmap(0, 0x1000, PROT_NONE, MAP_ANON|0x800000, -1, 0)\n",
     None, 1, None, "Unknown flag bits: EINVAL"),
    ("sigill-frame", DamagesFrame, FLAGGED + CALL, 0x11000, 1, None, "si_addr = the linear origin"),
    ("sigill-frame", Drops, FLAGGED + CALL, 0x11000, 1, None, "si_addr = the linear origin"),
    ("dispatch", WrongCall, PLAIN + PLAIN_CALL, 0x10000, 1, None, "The number is RAX modulo 512"),
    ("dispatch", WrongArguments, PLAIN + 'poke(0x10000, "b849000000bf00100000be005000000f05c3")\nrun(0x10000)\n',
     0x10000, 1, None, "rdi rsi rdx r10 r8 r9"),
    ("state-changed", FailsTooLate,
     "mmap(0x10000, 0x1000, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)\n"
     "mmap(0x11000, 0x1000, PROT_READ, MAP_SHARED|MAP_FIXED, 4, 0)\n"
     "mprotect(0x10000, 0x2000, PROT_READ|PROT_WRITE)\n",
     0x10000, 1, 2, "A failing call changes nothing"),
    ("map", UnmapsNothing, PLAIN + "munmap(0x10000, 0x1000)\n", 0x10000, 1, 1, "munmap: "),
    ("errno", WrongErrno, "munmap(0, 0x1000)\n", None, 1, None, "munmap: "),
    ("blocked", Drops, PLAIN + PLAIN_CALL, 0x10000, 1, None, "any of the 2 or 7 bytes"),
    ("lock", AlwaysLocks, PLAIN + PLAIN_CALL, None, 1, None, "never takes the map lock"),
    ("insane", Insane, PLAIN, None, 1, None, "whether its data are sane"),
]  # fmt: skip


def test_every_oracle_has_a_case():
    """No oracle of the project is without a real bug that is explained."""
    assert {oracle for oracle, *_ in CASES} == set(ORACLES) - {
        "guard"
    }  # which is about other designs: test_explain_designs


@pytest.mark.parametrize(("oracle", "boot", "text", "page", "pid", "op", "rule"), CASES)
def test_what_mattered(oracle, boot, text, page, pid, op, rule):
    """The page and its process, the op at which core and spec part, and the rule are those that were worked out by hand."""
    explanation = explained(boot, text, oracle)
    assert (explanation.oracle, explanation.page, explanation.pid) == (oracle, page, pid)
    assert [moment.op for moment in parted(explanation)] == ([] if op is None else [op])
    assert rule in explanation.rule
    assert explanation.summary


def test_a_bucket_that_is_not_shown():
    """A run that does not show the bucket has no explanation."""
    program = parse("mode amd64\n" + FLAGGED).program
    assert explain(EmulatedTarget("test", "", Kernel), program, "attribute/mmap/merge") is None


def test_life_of_a_page_that_escapes():
    """What set the attribute, what lost it, what wrote the code, and the call, each with the page's state for the core and by the spec."""
    flagged, lost = "r-x no-syscalls", "r-x"
    text = FLAGGED + "mremap(0x11000, 0x1000, 0x30000, 0x1000, MAP_FIXED)\nfork()\n"
    explanation = explained(MOVES, text + 'poke(0x30000, "900f05")\nrun(0x30000)\n')
    assert [moment[:2] + moment[3:] for moment in explanation.life] == [
        (0, -1, flagged, flagged, "sets no-syscalls"),
        (1, -1, lost, flagged, f"moves the page from 0x11000 to 0x30000, and the core loses no-syscalls: {PARTED}"),
        (3, -1, lost, flagged, "writes the instruction in question"),
        (4, 0, lost, flagged, "dispatched, where SIGILL is due"),
    ]
    assert explanation.life[-1].what == "getpid() from 0x30001"
    entered = explanation.entered
    assert (entered.address, entered.code, entered.text) == (0x30001, bytes.fromhex("0f05"), "syscall")
    assert (entered.decided, entered.due) == ("dispatched getpid", "SIGILL/ILL_ILLTRP @0x30001")
    assert [(row.start, row.end, row.text, row.here) for row in explanation.before] == [
        (0x11000, 0x12000, flagged, True)
    ]
    assert [(row.start, row.end, row.text, row.here) for row in explanation.after] == [(0x30000, 0x31000, lost, True)]


def test_what_was_wrong_before_is_followed_back():
    """A page that lost its attribute in a merge, moved and was copied: the merge is to blame, and the map is the one around it."""
    text = PLAIN + FLAGGED + "mremap(0x11000, 0x1000, 0x60000, 0x1000, MAP_FIXED)\nfork()\nas(r3)\n"
    explanation = explained(MERGES, text + 'poke(0x60000, "0f05")\nrun(0x60000)\n', "escape")
    assert (explanation.page, explanation.pid) == (0x60000, 2)
    assert [moment.op for moment in explanation.life] == [1, 2, 3, 5, 6]
    assert [moment.op for moment in parted(explanation)] == [1]
    assert [(row.start, row.end) for row in explanation.before] == [(0x10000, 0x11000)]
    assert [(row.start, row.end) for row in explanation.after] == [(0x10000, 0x12000)]


def test_what_agreed_again_is_past():
    """Of two partings of one page between which core and spec agreed, the last is where they part, and its map is shown."""
    again = PLAIN.replace("0x10000,", "0x11000,") + FLAGGED
    explanation = explained(MERGES, PLAIN + FLAGGED + again + CALL, "escape")
    assert [moment.op for moment in explanation.life] == [1, 2, 3, 4, 5]
    assert [moment.op for moment in parted(explanation)] == [3]
    assert [(row.start, row.end) for row in explanation.before] == [(0x10000, 0x12000)]


class KeepsProtection(Kernel):
    """mprotect does nothing, and mremap loses the attribute."""

    def __init__(self, mode, memory):
        super().__init__(mode, memory, Rules(move_carries_attributes=False))

    def call(self, pid, lwp, name, args):
        return 0 if name == "mprotect" else super().call(pid, lwp, name, args)


def test_another_difference_is_not_to_blame():
    """A page that had another protection for the core before it lost its attribute: each bucket has its own op."""
    text = FLAGGED + "mprotect(0x11000, 0x1000, PROT_READ)\nmremap(0x11000, 0x1000, 0x30000, 0x1000, MAP_FIXED)\n"
    for oracle, op in (("map", 1), ("attribute-lost", 2)):
        assert [moment.op for moment in parted(explained(KeepsProtection, text, oracle))] == [op]


def test_a_mark_that_outlives_its_reason():
    """exec must take the mark away: where the core keeps it, later entries pay for the map lock without need."""
    program = load(PROGRAMS / "mark_kept.prog").program
    target = weaknesses.target("mark_kept")
    (bucket,) = group(judge(program, target.run(program)))
    explanation = explain(target, program, bucket)
    assert (
        explanation.summary == "a syscall takes the map lock in a process that is not to be marked: exec keeps the mark"
    )
    assert [(moment.what, moment.core, moment.spec) for moment in parted(explanation)] == [
        ("exec()", "marked", "unmarked")
    ]


def test_calls_by_code_are_told_by_their_event():
    """An attribute that a call within a run loses is lost at that event of the run."""
    # mremap(0x11000, 0x1000, 0x30000, 0x1000, MAP_FIXED) by the code at 0x10000
    code = "b89b010000bf00100100be00100000ba0000030041ba0010000041b8100000000f05c3"
    explanation = explained(MOVES, PLAIN + FLAGGED + f'poke(0x10000, "{code}")\nrun(0x10000)\n', "attribute-lost")
    assert [(moment.op, moment.event) for moment in parted(explanation)] == [(3, 0)]
    assert parted(explanation)[0].what == "mremap(0x11000, 0x1000, 0x30000, 0x1000, MAP_FIXED)"


def test_a_page_that_is_mapped_anew():
    """An mmap that replaces a page by one that is just like it is part of its life: the page is another one."""
    text = FLAGGED + FLAGGED + "mremap(0x11000, 0x1000, 0x30000, 0x1000, MAP_FIXED)\n"
    notes = [(moment.op, moment.note) for moment in explained(MOVES, text).life[:2]]
    assert notes == [(0, "sets no-syscalls"), (1, "maps the page anew")]


def test_code_that_moved_with_its_page():
    """The poke that wrote the instruction is told, though the page was elsewhere then; other pokes are not."""
    text = FLAGGED + 'poke(0x11800, "0f05")\npoke(0x11000, "90")\nmremap(0x11000, 0x1000, 0x30000, 0x1000, MAP_FIXED)\n'
    explanation = explained(MOVES, text + "run(0x30800)\n", "escape")
    assert [moment.op for moment in explanation.life] == [0, 1, 3, 4]


def test_grown_pages_are_as_the_last_old_one():
    """The life of a page that mremap adds begins with that of the last page of the old range."""
    text = PLAIN + FLAGGED + "mremap(0x10000, 0x2000, 0, 0x4000, 0)\n"
    explanation = explained(ruled(grow_carries_attributes=False), text)
    assert explanation.page == 0x12000
    assert [moment[:2] + moment[3:] for moment in explanation.life] == [
        (1, -1, "r-x no-syscalls", "r-x no-syscalls", "sets no-syscalls"),
        (
            2,
            -1,
            "r-x",
            "r-x no-syscalls",
            f"adds page 0x12000, to be like 0x11000, and the core loses no-syscalls: {PARTED}",
        ),
    ]


class UnmapsNothingAndKnows(UnmapsNothing):
    """Finds at the end that something was wrong."""

    def check(self):
        return "entry 0x10000 is left over"


def test_a_check_that_speaks_at_the_end():
    """What the core's own check finds is explained by where core and spec first parted, as things were there."""
    explanation = explained(UnmapsNothingAndKnows, PLAIN + "munmap(0x10000, 0x1000)\n" + PLAIN, "insane")
    assert [moment.op for moment in explanation.life] == [0, 1]
    assert explanation.expected == "page 0x10000 of process 1 is unmapped"
    assert explanation.details == ('At the end of the program the core\'s own check says "entry 0x10000 is left over"',)


def test_noise_is_left_out():
    """Ops that have nothing to do with the page are not in its life."""
    noise = [f"mmap({0x200000 + 0x10000 * i:#x}, 0x1000, PROT_READ, {FIXED}, -1, 0)\n" for i in range(10)]
    text = "".join(noise) + PLAIN + noise[0] + FLAGGED + "".join(noise[3:]) + CALL
    explanation = explained(MERGES, text, "escape")
    assert [moment.op for moment in explanation.life] == [12, 20, 21]
    assert len(explanation.before) == len(explanation.after) == 1


DETAILS = [
    ("panic", ruled(bad_flag="panic"), "mmap(0, 0x1000, PROT_NONE, MAP_ANON|0x8008, -1, 0)\n",
     ["sys_mmap: bad flags", "sysfuzz.kernel.flags:_refuse", "0x8008 is no flag that mmap knows"]),
    ("panic", ruled(bad_flag="panic"), "mmap(0, 0x1000, PROT_NONE, MAP_INHERIT|MAP_ANON|MAP_NOSYSCALLS, -1, 0)\n",
     ["MAP_NOSYSCALLS with MAP_INHERIT is not supported"]),
    ("flag-accepted", IgnoresFlags, "mmap(0x10000, 0x1000, PROT_NONE, MAP_FIXED|MAP_ANON|0x800000, -1, 0)\n",
     ["0x800000 is no flag that mmap knows", "The core holds the page at 0x10000 as ---"]),
    ("sigill-frame", DamagesFrame, FLAGGED + CALL,
     ["si_addr must be 0x11000, is 0x11008", "rax in the frame must be 0x14, is 0x1"]),
    ("dispatch", WrongCall, PLAIN + PLAIN_CALL, ["The number, rax, is 0x14: getpid"]),
    ("dispatch", WrongArguments, PLAIN + 'poke(0x10000, "b849000000bf00100000be005000000f05c3")\nrun(0x10000)\n',
     ["len must be 0x5000, is 0x0"]),
    ("errno", WrongErrno, "munmap(0, 0x1000)\n", ["The range begins at 0x0, below VM_MIN, 0x1000"]),
    ("errno", WrongErrno, "munmap(0x7f7ffffff000, 0x2000)\n", ["The range ends at 0x7f8000001000, above VM_MAX, 0x7f8000000000"]),
    ("errno", WrongErrno, "munmap(0x7f7ffffff010, 0x1000)\n", ["The range ends at 0x7f8000001000"]),
    ("errno", WrongErrno, "munmap(0x1000, 0xfffffffffffff000)\n", ["The range wraps"]),
    ("escape", FirstByteOnly, PLAIN + FLAGGED + 'poke(0x10fff, "0f05")\nrun(0x10fff)\n',
     ["the next address, 0x11001", "2 bytes from 0x10fff, lies in two pages; 0x11000 has no-syscalls"]),
    ("escape", NeverMarks, FLAGGED + CALL, ["Process 1 is not marked"]),
]  # fmt: skip


@pytest.mark.parametrize(("oracle", "boot", "text", "said"), DETAILS)
def test_details(oracle, boot, text, said):
    """The facts that an engineer would look up next are told: flags decoded, fields that differ, ranges, the panic's place."""
    told = ". ".join(explained(boot, text, oracle).details)
    assert [words for words in said if words not in told] == []


class DamagesPc(Kernel):
    """The PC and one register in a signal's frame are wrong."""

    def enter(self, pid, lwp, frame):
        reply = super().enter(pid, lwp, frame)
        if reply.signal is None:
            return reply
        return reply._replace(signal=reply.signal._replace(pc=0x11002, regs=(1, *reply.signal.regs[1:])))


class Handles(Kernel):
    """Enters a handler that nobody has set."""

    def enter(self, pid, lwp, frame):
        reply = super().enter(pid, lwp, frame)
        return reply if reply.signal is None else reply._replace(signal=reply.signal._replace(handled=True))


@pytest.mark.parametrize(
    ("boot", "expected", "actual"),
    [
        (DamagesPc, "and PC 0x11000 in the frame and rax 0x14 in the frame", "and PC 0x11002 in the frame and rax 0x1 in the frame"),
        (Handles, "and handler none", "and handler entered"),
    ],
)  # fmt: skip
def test_frames_that_differ(boot, expected, actual):
    """Of a signal that is right in itself, both clauses go on with the parts of its frame that differ, and with no others."""
    explanation = explained(boot, FLAGGED + CALL, "sigill-frame")
    signal = "SIGILL/ILL_ILLTRP with si_addr 0x11000"
    assert (explanation.expected, explanation.actual) == (f"{signal} {expected}", f"{signal} {actual}")


def test_a_wrong_signal_speaks_for_itself():
    """Where si_addr is wrong, the clauses differ without the frame, which the details tell."""
    explanation = explained(DamagesFrame, FLAGGED + CALL, "sigill-frame")
    assert explanation.expected == "SIGILL/ILL_ILLTRP with si_addr 0x11000"
    assert explanation.actual == "SIGILL/ILL_ILLTRP with si_addr 0x11008"


@pytest.mark.parametrize("name", weaknesses.WEAKNESSES)
def test_expected_and_actual_are_two_things(name):
    """What had to happen and what did are never told in the same words: of each planted weakness, every bucket."""
    target, program = weaknesses.target(name), load(PROGRAMS / f"{name}.prog").program
    buckets = list(group(judge(program, target.run(program))))
    assert buckets
    for bucket in buckets:
        explanation = explain(target, program, bucket)
        assert explanation.expected != explanation.actual


class Immortal(Kernel):
    """exit does nothing."""

    def call(self, pid, lwp, name, args):
        return 0 if name == "exit" else super().call(pid, lwp, name, args)


class Misaligned(Kernel):
    """Reports entries that end inside a page, once something is mapped."""

    def views(self):
        views = super().views()
        return tuple(
            view._replace(regions=tuple(r._replace(end=r.end - 8) if r.start == 0x10000 else r for r in view.regions))
            for view in views
        )


@pytest.mark.parametrize(
    ("boot", "text", "page", "core", "spec", "rule"),
    [
        (Immortal, "fork()\nas(2)\nexit(0)\n", None, "alive", "gone", "the process is gone"),
        (Misaligned, PLAIN, 0x10000, "r-x in part", "r-x", "FIXED replaces"),
    ],
)
def test_other_ways_to_part(boot, text, page, core, spec, rule):
    """A process that lives on, and an entry that holds a part of a page, are told as what they are."""
    explanation = explained(boot, text, "map")
    (moment,) = parted(explanation)
    assert (explanation.page, moment.core, moment.spec) == (page, core, spec)
    assert rule in explanation.rule


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("check_next", "The byte behind the opcode lies in a page without no-syscalls"),
        ("check_end", "The byte behind the opcode lies in a page with no-syscalls"),
        ("check_prefixes", "Bytes in front of the opcode lie in a page with no-syscalls"),
        ("unchecked_32_bit", "It is 32-bit code in a process of amd64"),
        ("check_stale", "An earlier entry was made from this page before no-syscalls was set or taken from it"),
        ("check_wrap", "in a segment at 0xffff0000"),
        ("unchecked_setcontext", "The call is the one by which a signal handler returns"),
    ],
)
def test_places_of_entries(name, said):
    """Where a check fails only in some places, the details tell what is out of the ordinary about this one."""
    target, program = weaknesses.target(name), load(PROGRAMS / f"{name}.prog").program
    bucket = next(iter(group(judge(program, target.run(program)))))
    assert said in ". ".join(explain(target, program, bucket).details)


def test_a_kernel_that_does_not_boot():
    """A panic at boot is explained, though there is neither an op nor a map."""
    explanation = explained(Stillborn, "")
    assert explanation.oracle == "panic"
    assert explanation.summary == "the kernel panics at boot: no root device"
    assert (explanation.op, [moment.what for moment in explanation.life]) == (-1, ["boot"])


# By hand, from what each weakness is: the call after which core and spec hold different things.
CULPRITS = {
    "merge_ignores": "mmap", "overlay_keeps": "mmap", "tombstone": "mmap", "flag_file": "mmap", "wired_loses": "mmap",
    "move_loses": "mremap", "grow_loses": "mremap", "shrink_loses": "mremap",
    "fork_loses": "fork", "zero_loses": "fork", "none_inherits": "fork",
    "protect_loses": "mprotect", "free_loses": "madvise", "clip_loses": "munmap", "unlock_merges": "munlock",
    "mark_never": "mmap", "mark_shared": "mmap", "mark_fork": "fork", "mark_vfork": "vfork", "mark_munmap": "munmap",
    "mark_exec": "exec", "exec_keeps": "exec",
    "failed_mmap": "mmap", "failed_mprotect": "mprotect", "failed_mremap": "mremap",
}  # fmt: skip


@pytest.mark.parametrize("name", CULPRITS)
def test_the_call_to_blame(name):
    """Of each planted weakness that makes core and spec part, the life names the call that does it, at an op where the case has a parting."""
    target, program = weaknesses.target(name), load(PROGRAMS / f"{name}.prog").program
    outcome = target.run(program)
    case = Case(program, outcome, follow(program, outcome))
    bucket = next(iter(group(judge(program, outcome))))
    explanation = explain(target, program, bucket)
    (moment,) = parted(explanation)
    assert moment.what.startswith(f"{CULPRITS[name]}(")
    assert moment.op in {parting.op for parting in case.partings}
    assert moment.core != moment.spec
    assert CULPRITS[name] in explanation.summary
