"""What one program shows of one target."""

import pytest

from sysfuzz.compare.cells import Sight, sights
from sysfuzz.compare.scenario import Scenario, library
from sysfuzz.kernel.designs.pinsyscalls import Pinsyscalls
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame, Memory
from sysfuzz.kernel.syscalls import INDIRECT
from sysfuzz.program.ir import Mode
from sysfuzz.program.outcome import Reply
from sysfuzz.program.text import parse
from sysfuzz.spec.promise import PROMISES
from sysfuzz.targets import table
from sysfuzz.targets.emulated import EmulatedTarget

FLAGGED = "reg rax = 0x14\nmmap(0x10000, 0x1000, PROT_EXEC, MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)\n"
PLAIN = "reg rax = 0x14\nmmap(0x10000, 0x1000, PROT_EXEC, MAP_FIXED|MAP_ANON, -1, 0)\n"


def scene(text: str, stated: str = "", needs: str = "", allowed: str = "") -> Scenario:
    """A scenario of this text."""
    return Scenario(parse(text).program, "here", stated, needs, allowed)


class Open(Kernel):
    """A core whose door stands open."""

    def enter(self, pid: int, lwp: int, frame: Frame) -> Reply:
        """Let in whoever comes."""
        process: Process = self.processes.alive[pid]
        return self._dispatch(process, lwp, frame, locked=False)


OPEN = EmulatedTarget("open", "", Open)
SOUND = table.get("nosyscalls")
SUD = table.get("sud")
CALL = 'poke(0x10000, "0f05c3")\nrun(0x10000)\n'
INT80 = 'poke(0x10000, "cd80c3")\nrun(0x10000)\n'


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        # Refused as it has to be: the class is the stated one, or that of the place; the usual call from the middle has none.
        (scene(FLAGGED + CALL, "C4"), [Sight("C4", "blocked")]),
        (scene(FLAGGED + INT80), [Sight("C2", "blocked")]),
        (scene(FLAGGED + CALL), []),
        # Let in, as nobody promised otherwise: that says something only where the header says what.
        (scene(PLAIN + CALL, "C7", allowed="so it is"), [Sight("C7", "by design", "so it is")]),
        (scene(PLAIN + CALL, "C7"), []),
        (scene(PLAIN + CALL, "C9"), [Sight("C9", "blocked")]),
        # Only the last run counts.
        (scene(FLAGGED + CALL + "munmap(0x10000, 0x1000)\nrun(0x10000)\n", "C4"), []),
        # An error that is due answers for what arms.
        (scene("mmap(0, 0x1000, PROT_NONE, MAP_ANON|0x800000, -1, 0)\n", "C20"), [Sight("C20", "blocked")]),
        (scene("munmap(1, 0xffffffffffff0000)\n", "C20"), []),
        # What the target does not have, it cannot show.
        (scene(FLAGGED + "ktrace(1)\n" + CALL, "C11", needs="ktrace"), []),
    ],
)
def test_what_the_reference_shows(scenario: Scenario, expected: list[Sight]) -> None:
    """Without verdicts, what was tried makes the word."""
    assert sights(scenario, SOUND) == expected


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        (scene(FLAGGED + CALL, "C4"), Sight("C4", "escapes", "check/syscall", True)),
        (scene(FLAGGED + CALL, "C22"), Sight("C22", "escapes", "check/syscall", True)),
        (scene(FLAGGED + CALL), Sight("", "escapes", "check/syscall", True)),
        (scene(FLAGGED + INT80, "C4"), Sight("C2", "escapes", "check/int80", True)),
        (scene(FLAGGED + INT80), Sight("C2", "escapes", "check/int80", True)),
    ],
)
def test_what_an_open_door_shows(scenario: Scenario, expected: Sight) -> None:
    """An escape is of the class that its cause says; if that says none, of the stated one."""
    assert sights(scenario, OPEN) == [expected]


def test_what_documents_state_comes_with_its_citation() -> None:
    """A divergence that the design documents is by design, with the words of the citation."""
    text = PLAIN + "sud(PR_SYS_DISPATCH_ON, 0x20000, 0x1000, 0)\nfork()\nas(2)\n" + CALL
    seen = sights(scene(text, "C10"), SUD)
    assert {(sight.id, sight.word) for sight in seen} == {("C10", "by design")}
    assert all(sight.why == SUD.promise.citation("guard/fork") != "" for sight in seen)


class Indirect(Pinsyscalls):
    """Pins, and calls that make others."""

    def __init__(self, mode: Mode, memory: Memory) -> None:
        super().__init__(mode, memory)
        self._indirect = INDIRECT


def test_a_pin_that_is_good_for_all_calls_is_seen() -> None:
    """The library has the program that shows what comes of an indirect call where numbers are pinned."""
    target = EmulatedTarget("indirect", "", Indirect, PROMISES["pinsyscalls"])
    shown = {
        sight.id: sight.word
        for found in library()
        for sight in sights(found, target)
        if sight.why.startswith("dispatch")
    }
    assert shown == {"C22": "escapes"}
