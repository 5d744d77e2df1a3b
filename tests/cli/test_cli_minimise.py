"""`sysfuzz minimise`: of a finding, of a file, of neither; and nothing is lost, whenever it is killed."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commandline import ENVIRONMENT, assert_refused, command, run
from recorded import MERGED, NOON, PANIC, record, store

from sysfuzz.cli.errors import BadInput
from sysfuzz.cli.minimise_predicate import sights
from sysfuzz.cli.minimise_subject import choose
from sysfuzz.findings.bucket import group
from sysfuzz.oracles import judge
from sysfuzz.program.ir import Program
from sysfuzz.program.text import format_program, load
from sysfuzz.targets.table import get

TARGET = "nosyscalls-2011"
BUCKET = "attribute/mmap/merge"

BLOATED = """\
mode amd64
reg rbx = 0x20000
fork()
mmap(0x20000, 0x3000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
mmap(0x23000, 0x2000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
mlock(0x23000, 0x1000)
poke(0x24000, "9090b8140000000f05c3")
run(0x24000)
munmap(0x23000, 0x1000)
mmap(0, 0x1000, PROT_READ, MAP_PRIVATE|MAP_ANON|0x800000, -1, 0)
"""

LEAST = """\
mode amd64
mmap(0x10000, 0x1000, PROT_EXEC, MAP_ANON, -1, 0)
mmap(0x11000, 0x1000, PROT_EXEC, MAP_ANON|MAP_NOSYSCALLS, -1, 0)
poke(0x11000, "0f05")                   # syscall
run(0x11000)
"""

HEADER = f"""\
# target: {TARGET}
# bucket: {BUCKET}
# replay: sysfuzz exec findings/{MERGED}/program.prog --target {TARGET}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings and files lie in the working directory, as they do for users."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bloated() -> Path:
    """A file that shows a merge and, behind it, a panic."""
    Path("bloated.prog").write_text(BLOATED)
    return Path("bloated.prog")


@pytest.fixture
def finding() -> Path:
    """The directory of a finding with that program."""
    record("escape", BUCKET, text=BLOATED)
    return Path("findings", MERGED)


def shows(program: Program, bucket: str = BUCKET) -> bool:
    """Whether the program shows the bucket with its critical face."""
    target = get(TARGET)
    return any(verdict.oracle == "escape" for verdict in group(judge(program, target.run(program))).get(bucket, ()))


def left_behind(directory: Path) -> list[str]:
    """Files that only a search that still goes on should have."""
    return [path.name for path in directory.iterdir() if "minimising" in path.name]


def test_a_finding(finding: Path) -> None:
    """Its program is replaced by the smallest, its evidence is that of the new program, and what was found stays."""
    original = (finding / "original.prog").read_text()
    result = run("minimise", MERGED)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (finding / "program.prog").read_text() == HEADER + LEAST
    assert (finding / "original.prog").read_text() == original
    known = store().load(MERGED).finding
    assert (known.evidence.op, known.evidence.expected, str(known.replays)) == (3, "SIGILL", "10/10")
    assert (known.count, known.status) == (1, "new")
    assert left_behind(finding) == []
    assert result.stdout.startswith(f"findings/{MERGED}/program.prog: {BUCKET} on {TARGET}: 8 ops, 10 bytes of code\n")
    assert "\n  tail: 6 ops, 10 bytes of code after 3 executions\n" in result.stdout
    tail = result.stdout.partition("\n\n")[2]
    assert tail.startswith(f"{LEAST}\n8 ops, 10 bytes of code -> 4 ops, 2 bytes of code\n")
    assert tail.endswith(
        f"nothing smaller shows it\nfindings/{MERGED}/program.prog is replaced: 10 of 10 replays show the bug\n"
    )


def test_other_bugs_of_a_finding_are_recorded(finding: Path) -> None:
    """What a candidate shows besides is a finding of its own, with the program that showed it; it is told once."""
    result = run("minimise", MERGED)
    line = f"met on the way: high panic/sys_mmap: bad flags (panic), recorded as findings/{PANIC}\n"
    assert result.stdout.count(line) == result.stdout.count("met on the way") == 1
    other = store().load(PANIC)
    program = load(other.program).program
    assert "panic/sys_mmap: bad flags" in group(judge(program, get(TARGET).run(program)))
    assert str(other.finding.replays) == "10/10"


def test_a_finding_that_is_known_is_not_counted(finding: Path) -> None:
    """Executions of a search are no sightings."""
    run("minimise", MERGED)
    before = store().load(PANIC).finding
    shutil.rmtree(finding)
    record("escape", BUCKET, text=BLOATED)
    assert "(panic), known already\n" in run("minimise", MERGED).stdout
    assert store().load(PANIC).finding == before


def test_one_bug_stays_one_bug() -> None:
    """A program that shows another bug besides is no smaller version of one that does not, though the order has it first."""
    flagged = "mmap(0x20000, 0x{}000, PROT_READ, MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)"
    alone = f"mode amd64\n{flagged.format(1)}\nmremap(0x20000, 0x1000, 0x30000, 0x1000, MAP_FIXED)\n"
    both = f"mode amd64\n{flagged.format(2)}\nmremap(0x20000, 0x1000, 0, 0x2000, 0)\n"
    left = {}
    for name, text in (("alone", alone), ("both", both)):
        Path(f"{name}.prog").write_text(f"# target: {TARGET}\n# bucket: attribute/mremap/move\n{text}")
        assert run("minimise", f"{name}.prog", "-o", "out.prog").exit_code == 0
        left[name] = format_program(load(Path("out.prog")).program)
    page = "mmap(0x10000, 0x1000, PROT_NONE, MAP_ANON|MAP_NOSYSCALLS, -1, 0)\n"
    assert left == {
        "alone": f"mode amd64\n{page}mremap(0x10000, 0x1000, 0x11000, 0x1000, MAP_FIXED)\n",
        "both": f"mode amd64\n{page.replace('0x1000,', '0x2000,')}mremap(0x10000, 0x1000, 0, 0x2000, 0)\n",
    }


def test_a_worse_face_is_shown(tmp_path: Path) -> None:
    """A finding whose smallest program shows more than was known of it has that face from now on."""
    target = "sysfuzz.bench.weaknesses:unchecked_syscall"
    flagged = "mmap(0x10000, 0x2000, PROT_EXEC, MAP_ANON|MAP_NOSYSCALLS, -1, 0)"
    text = f'mode amd64\n{flagged}\npoke(0x11000, "90900f05")\nrun(0x11000)\n'
    identity = record("sigill-frame", "check/syscall", target, text=text)
    assert run("minimise", identity).exit_code == 0
    entry = store().load(identity)
    assert (entry.finding.oracle, entry.finding.severity, entry.finding.evidence.op) == ("escape", "critical", 2)
    assert entry.program.read_text().endswith('poke(0x10000, "0f05")                   # syscall\nrun(0x10000)\n')


def test_the_smallest_stays(finding: Path) -> None:
    """Done once more, nothing is changed, and that is told; a finding can be named by its directory."""
    run("minimise", MERGED)
    before = {path.name: path.read_bytes() for path in finding.iterdir()}
    result = run("minimise", finding)
    assert result.exit_code == 0
    assert result.stdout.endswith("program.prog stays as it is: 10 of 10 replays show the bug\n")
    assert {path.name: path.read_bytes() for path in finding.iterdir()} == before


def test_a_file(bloated: Path) -> None:
    """The smallest program is printed and written where -o says; the file stays, and other bugs are named only."""
    result = run("minimise", bloated, "--target", TARGET, "-o", "least.prog")
    assert (result.exit_code, bloated.read_text()) == (0, BLOATED)
    assert Path("least.prog").read_text() == HEADER.replace(f"findings/{MERGED}/program", "least") + LEAST
    assert f"\n\n{LEAST}\n" in result.stdout
    assert "\nmet on the way: high panic/sys_mmap: bad flags (panic)\n" in result.stdout
    assert result.stdout.endswith("least.prog is written\n")
    assert sorted(os.listdir()) == ["bloated.prog", "least.prog"]


def test_the_bucket_that_a_file_states(bloated: Path) -> None:
    """Header comments name target and bucket; without them it is the worst that the program shows."""
    bloated.write_text(f"# target: {TARGET}\n# bucket: panic/sys_mmap: bad flags\n{BLOATED}")
    assert "\n\nmode amd64\nmmap(0, 0, PROT_NONE, 0x8, -1, 0)\n" in run("minimise", bloated).stdout
    bloated.write_text(f"# target: {TARGET}\n{BLOATED}")
    assert f"\n\n{LEAST}\n" in run("minimise", bloated).stdout


def test_json(bloated: Path) -> None:
    """The JSON has just the promised keys; what is for people goes to standard error."""
    result = run("minimise", bloated, "--target", TARGET, "--json", "-")
    report = json.loads(result.stdout)
    assert list(report) == [
        *("target", "bucket", "oracle", "severity", "executions", "steps", "ending"),
        *("before", "after", "program", "others"),
    ]
    assert [report[key] for key in ("target", "bucket", "oracle", "severity", "ending")] == [
        *(TARGET, BUCKET, "escape", "critical", "minimal"),
    ]
    assert (report["before"], report["after"]) == ({"ops": 8, "code": 10}, {"ops": 4, "code": 2})
    assert report["program"] == LEAST
    (other,) = report["others"]
    assert (other["bucket"], other["oracle"], other["severity"]) == ("panic/sys_mmap: bad flags", "panic", "high")
    assert other["program"].startswith("mode amd64\n")
    assert "nothing smaller shows it" in result.stderr


def test_a_budget_at_a_time(bloated: Path, finding: Path) -> None:
    """What does not fit one budget is done in the next: in the end it is the same program."""
    endings = []
    for _ in range(40):
        result = run("minimise", MERGED, "--executions", 30, "--json", "out.json")
        assert result.exit_code == 0
        report = json.loads(Path("out.json").read_text())
        endings.append(report["ending"])
        assert report["executions"] <= 30
        assert shows(load(finding / "program.prog").program)
        if report["steps"] == 0:
            break
    assert "executions" in endings
    assert run("minimise", MERGED, "--executions", 500).exit_code == 0
    assert (finding / "program.prog").read_text() == HEADER + LEAST


def test_a_file_goes_on_as_well(bloated: Path) -> None:
    """A plain file has no store to hold what a budget has reached: it stays beside the file until nothing smaller shows the bug."""
    kept = bloated.with_name(f".{bloated.name}.minimising.prog")
    sizes = []
    for executions in (15, 15, 15, 15, 500):
        result = run("minimise", bloated, "--target", TARGET, "--executions", executions, "--json", "out.json")
        assert result.exit_code == 0
        report = json.loads(Path("out.json").read_text())
        sizes.append(len(report["program"]))
        assert kept.exists() == (report["ending"] != "minimal")
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) > 1
    assert not kept.exists()


def test_it_goes_on_from_the_best(finding: Path) -> None:
    """A search that was killed has left its best, made from this very program; anything else that lies there is not used."""
    kept = finding / ".minimising.prog"
    process = subprocess.Popen(
        command("minimise", MERGED), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("  places"):
                process.kill()
    best = kept.read_text()
    result = run("minimise", MERGED)
    assert "going on where the last run ended: 4 ops, 2 bytes of code\n" in result.stdout
    assert (finding / "program.prog").read_text() == HEADER + LEAST

    shutil.rmtree(finding)
    record("escape", BUCKET, text=BLOATED.replace("0x2000,", "0x3000,"))  # the best of another program
    kept.write_text(best)
    assert "going on" not in run("minimise", MERGED).stdout
    assert (finding / "program.prog").read_text() == HEADER + LEAST


@pytest.mark.parametrize("rubbish", ["", "fork(\n", "mode amd64\nfork()\n"])
def test_rubbish_is_no_best(finding: Path, rubbish: str) -> None:
    """A file that is no best of this finding is written over."""
    (finding / ".minimising.prog").write_text(rubbish)
    result = run("minimise", MERGED)
    assert "going on" not in result.stdout
    assert (finding / "program.prog").read_text() == HEADER + LEAST
    assert left_behind(finding) == []


def test_killing_loses_nothing(finding: Path) -> None:
    """Killed several times, at any moment, it ends with what it would have found; the stored program shows the bug all the while."""
    rng = random.Random(1)
    # A line comes with each change of the pass, some twenty in all: some kills come early, some with the last writes.
    for _ in range(5):
        lines, seconds = rng.randrange(1, 16), rng.random() * 0.2
        process = subprocess.Popen(
            command("minimise", MERGED), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout is not None
            for _, _line in zip(range(lines), process.stdout, strict=False):
                pass
            time.sleep(seconds)
            process.kill()
        source = load(finding / "program.prog")
        assert format_program(source.program) in (
            format_program(load(finding / "original.prog").program),
            LEAST.replace('"0f05")                   # syscall', '"0f05")'),
        )
        assert shows(source.program)
        store().load(MERGED)
    assert run("minimise", MERGED).exit_code == 0
    assert (finding / "program.prog").read_text() == HEADER + LEAST
    assert (store().load(MERGED).finding.evidence.op, left_behind(finding)) == (3, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_as_a_budget_would(finding: Path, number: signal.Signals) -> None:
    """The best so far is stored, and the exit code is that of success."""
    process = subprocess.Popen(
        command("minimise", MERGED), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        rest = process.stdout.read()
    assert process.returncode == 0
    assert "interrupted; run again, it goes on\n" in rest or "nothing smaller shows it" in rest
    assert shows(load(finding / "program.prog").program)
    assert left_behind(finding) == []


def test_a_worse_face_that_came_meanwhile_stays(finding: Path) -> None:
    """The smallest program with a milder face does not replace what a fuzzer has recorded during the search."""
    shutil.rmtree(finding)
    record("attribute-lost", BUCKET, text=BLOATED.replace("run(0x24000)\n", ""))
    subject = choose(Path(MERGED), None, Path("findings"), None)
    (sight,) = (sight for sight in sights(subject.target, subject.program, "it") if sight.bucket == BUCKET)
    record("escape", BUCKET, text=BLOATED)
    before = {path.name: path.read_bytes() for path in finding.iterdir()}
    with pytest.raises(BadInput, match=r"program\.prog: has been replaced by another program$"):
        subject.replace(sight._replace(program=load(finding / "original.prog").program._replace(regs=())), NOON)
    assert {path.name: path.read_bytes() for path in finding.iterdir()} == before


def test_a_result_for_a_device(bloated: Path) -> None:
    """The best so far lies beside the program that was given: nothing is written beside a device."""
    assert choose(bloated, TARGET, Path("findings"), Path("/dev/null")).unfinished.parent == bloated.parent
    assert run("minimise", bloated, "--target", TARGET, "-o", "/dev/null", "--executions", 1).exit_code == 0


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_not_ours_is_not_written_to(bloated: Path, kind: str) -> None:
    """A link or a pipe in the place of the best so far: one line, and no wait."""
    place = Path(".bloated.prog.minimising.prog")
    Path("other").write_text("other\n")
    place.symlink_to("other") if kind == "link" else os.mkfifo(place)
    assert_refused(run("minimise", bloated, "--target", TARGET), f"{place}: cannot write: supported: a file; remove it")
    assert Path("other").read_text() == "other\n"


def test_a_result_that_does_not_repeat_is_not_stored() -> None:
    """That is a fault of the core or ours, told with exit code 3; the finding keeps its program."""
    identity = record("escape", BUCKET, target="fickle:Fickle", text=BLOATED)
    Path("fickle.py").write_text(FICKLE_CORE)
    before = Path("findings", identity, "program.prog").read_bytes()
    result = run("minimise", identity)
    assert result.exit_code == 3, result.stderr
    assert result.stderr.count("\n") == 1
    assert "shows the bug in 0 of 10 replays; not stored" in result.stderr
    assert Path("findings", identity, "program.prog").read_bytes() == before


# The flag of 2011 in the process that searches, the reference in any other.
FICKLE_CORE = f"""\
import os

from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.rules import REFERENCE, Rules

first = os.getpid() == {os.getpid()}


class Fickle(Kernel):
    def __init__(self, mode, memory):
        super().__init__(mode, memory, Rules(merge_compares_attributes=False) if first else REFERENCE)
"""


def test_a_core_that_shows_it_once() -> None:
    """A bug that was there a moment ago and is not when the search begins is a fault, too."""
    Path("fleeting.py").write_text(FLEETING_CORE)
    Path("bug.prog").write_text(f"# target: fleeting:Fleeting\n{BLOATED}")
    result = run("minimise", "bug.prog")
    message = f".bug.prog.minimising.prog: showed {BUCKET} on fleeting:Fleeting, and not again\n"
    assert (result.exit_code, result.stderr) == (3, message)


# The flag of 2011 at the first three boots: one of each mode to see that it boots, one to see what the program shows.
FLEETING_CORE = """\
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.rules import REFERENCE, Rules

boots = 0


class Fleeting(Kernel):
    def __init__(self, mode, memory):
        global boots
        boots += 1
        super().__init__(mode, memory, Rules(merge_compares_attributes=False) if boots <= 3 else REFERENCE)
"""


def test_a_program_that_shows_nothing(bloated: Path) -> None:
    """There is nothing to make smaller: one located line."""
    assert_refused(run("minimise", bloated), "bloated.prog: shows no bug on nosyscalls")


def test_a_bucket_that_is_not_shown(bloated: Path) -> None:
    """What the program shows instead is told, with the line that is wrong."""
    bloated.write_text(f"# target: {TARGET}\n# bucket: lock/syscall\n{BLOATED}")
    shown = "panic/sys_mmap: bad flags, attribute/mmap/merge"
    assert_refused(run("minimise", bloated), f"bloated.prog:2: does not show lock/syscall on {TARGET}; shown: {shown}")


def test_a_finding_that_is_mended() -> None:
    """Its program shows nothing any more."""
    identity = record("lock", "lock/int80", "nosyscalls")
    message = f"findings/{identity}/program.prog: does not show lock/int80 (low) on nosyscalls any more"
    assert_refused(run("minimise", identity), f"{message}")
    assert left_behind(Path("findings", identity)) == []


def test_a_finding_of_another_target(finding: Path) -> None:
    """A finding belongs to its target."""
    message = f"--target: finding {MERGED} is one of {TARGET}; supported: that, or a FILE"
    assert_refused(run("minimise", MERGED, "--target", "nosyscalls"), f"{message}")


def test_what_is_neither(finding: Path) -> None:
    """An id that is near is told, a missing file, a missing store, a program that cannot be read."""
    result = run("minimise", f"{MERGED}x")
    assert (result.exit_code, result.stderr.partition(" (")[0]) == (2, f"findings: unknown finding '{MERGED}x'")
    assert_refused(run("minimise", "missing.prog"), "missing.prog: No such file or directory")
    result = run("minimise", MERGED, "--findings", "elsewhere")
    assert (result.exit_code, result.stderr.partition(";")[0]) == (2, "elsewhere: no such directory")
    Path("bad.prog").write_text("mode amd64\nfork(1)\n")
    result = run("minimise", "bad.prog")
    assert (result.exit_code, result.stderr.partition(": ")[0]) == (2, "bad.prog:2:6")


@pytest.mark.parametrize(
    "options", [["--executions", "0"], ["--for", "0s"], ["--for", "soon"], ["-o", ""], ["-o", "."], ["-o", "no/where"]]
)
def test_options_that_cannot_be(bloated: Path, options: list[str]) -> None:
    """Refused before any work; nothing is written."""
    result = run("minimise", bloated, "--target", TARGET, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert os.listdir() == ["bloated.prog"]


def test_where_the_best_cannot_be_kept(bloated: Path) -> None:
    """No work is begun."""
    Path(".bloated.prog.minimising.prog").mkdir()
    result = run("minimise", bloated, "--target", TARGET)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(".bloated.prog.minimising.prog: cannot write: ")
