"""The directory of findings."""

import errno
import multiprocessing
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sightings import BUCKET, LATER, NOON, SLUG, TARGET, program, sighting

from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import Sighting
from sysfuzz.findings.store import Store
from sysfuzz.program.text import load

FILES = ["finding.json", "notes.md", "original.prog", "program.prog"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store in a directory that does not exist yet."""
    return Store(tmp_path / "deep" / "findings")


def names(directory: Path) -> list[str]:
    """What a directory holds, but for the lock."""
    return sorted(path.name for path in directory.iterdir() if path.name != ".lock")


def set_status(store: Store, identity: str, status: str) -> None:
    """What a person does with an editor."""
    path = store.directory / identity / "finding.json"
    path.write_text(path.read_text().replace('"status": "new"', f'"status": "{status}"'))


def test_a_new_bug_becomes_a_directory(store: Store) -> None:
    """The first sighting makes the store and, in it, a directory of four files."""
    recorded = store.record(sighting(), NOON)
    assert (recorded.new, recorded.worsened, recorded.reappeared) == (True, False, False)
    assert recorded.entry.id == SLUG
    assert recorded.entry.directory == store.directory / SLUG
    assert names(store.directory) == [SLUG]
    assert names(store.directory / SLUG) == FILES
    assert store.load(SLUG) == recorded.entry


def test_the_program_says_what_it_shows(store: Store) -> None:
    """A program file is canonical text that names target, bucket and replay command, and disassembles its code."""
    entry = store.record(sighting(), NOON).entry
    text = entry.program.read_text()
    assert text == (entry.directory / "original.prog").read_text()
    assert text == (
        f"""\
# target: {TARGET}
# bucket: {BUCKET}
# replay: sysfuzz exec findings/{SLUG}/program.prog --target {TARGET}
mode amd64
poke(0x10000, "0f05c3")                 # syscall; ret
exit(0)
"""
    )
    assert load(entry.program).program == program()


def test_known_bug_is_counted(store: Store) -> None:
    """A second sighting changes the count and the last time, and no other file."""
    first = store.record(sighting(), NOON).entry
    before = first.program.read_bytes()
    recorded = store.record(sighting(status=9, count=5), LATER)
    assert (recorded.new, recorded.worsened, recorded.reappeared) == (False, False, False)
    assert recorded.entry == store.load(SLUG)
    assert (recorded.entry.finding.count, recorded.entry.finding.last_seen) == (6, LATER)
    assert first.program.read_bytes() == before
    assert names(first.directory) == FILES


def test_worse_face_brings_its_program(store: Store) -> None:
    """Both programs are replaced, since the old ones do not show the worse face; the old face stays on record."""
    store.record(sighting("attribute-lost"), NOON)
    recorded = store.record(sighting("escape", status=3), LATER)
    assert recorded.worsened
    assert recorded.entry.finding.faces == {"attribute-lost": 1, "escape": 1}
    assert load(recorded.entry.program).program == program(3)
    assert load(recorded.entry.directory / "original.prog").program == program(3)


def test_people_s_words_are_kept(store: Store) -> None:
    """Notes, status and a minimised program survive later sightings; notes survive a worse face as well."""
    entry = store.record(sighting(), NOON).entry
    (entry.directory / "notes.md").write_text("Mine.\n")
    entry.program.write_text("mode amd64\nexit(7)\n")
    set_status(store, SLUG, "confirmed")
    store.record(sighting(), LATER)
    assert load(entry.program).program.ops[0].args == (7,)
    worse = store.record(sighting("escape"), LATER).entry
    assert worse.finding.status == "confirmed"
    assert (entry.directory / "notes.md").read_text() == "Mine.\n"


@pytest.mark.parametrize(("status", "reappeared"), [("fixed", True), ("rejected", False), ("duplicate", False)])
def test_a_fixed_bug_that_is_back_is_flagged(store: Store, status: str, reappeared: bool) -> None:
    """The store keeps what people said, and tells that it no longer fits."""
    store.record(sighting(), NOON)
    set_status(store, SLUG, status)
    recorded = store.record(sighting(), LATER)
    assert recorded.reappeared is reappeared
    assert recorded.entry.finding.status == status


def test_targets_have_their_own_findings(store: Store) -> None:
    """One bucket on two targets is two findings."""
    store.record(sighting(target="nosyscalls"), NOON)
    store.record(sighting(target="nosyscalls-2011"), NOON)
    assert [entry.finding.target for entry in store.entries().entries] == ["nosyscalls", "nosyscalls-2011"]


def test_entries_are_sorted_by_severity(store: Store) -> None:
    """The worst first, then by name."""
    for oracle, bucket in (("lock", "a"), ("errno", "b"), ("escape", "z"), ("panic", "c"), ("map", "d")):
        store.record(sighting(oracle, bucket=bucket), NOON)
    assert [entry.finding.oracle for entry in store.entries().entries] == ["escape", "panic", "map", "lock", "errno"]


def test_no_directory_is_an_empty_store(store: Store) -> None:
    """Looking makes nothing."""
    assert store.entries() == ((), ())
    assert not store.directory.exists()


def test_unknown_id(store: Store) -> None:
    """An id that would leave the directory is as unknown as any other."""
    store.record(sighting(), NOON)
    for identity in ("nothing", "../findings", f"../findings/{SLUG}", ".", ""):
        with pytest.raises(KeyError):
            store.load(identity)


def test_foreign_files_are_passed_over(store: Store) -> None:
    """What is no finding does not disturb: files, directories of people, hidden ones."""
    store.record(sighting(), NOON)
    (store.directory / "README.md").write_text("Ours.")
    (store.directory / "mine").mkdir()
    (store.directory / ".git").mkdir()
    (store.directory / ".git" / "finding.json").write_text("no")
    (store.directory / SLUG / "screenshot.png").write_bytes(b"\x89PNG")
    listing = store.entries()
    assert [entry.id for entry in listing.entries] == [SLUG]
    assert listing.damaged == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "{path}:1:1: no JSON: Expecting value"),
        (b"\xff\xfe\x00", "{path}:1:1: no JSON: Expecting value"),
        (b"{}", "{path}: schema: is missing"),
    ],
)
def test_damaged_findings_are_named(store: Store, content: bytes, message: str) -> None:
    """Damage hides no other finding, is named with its file, and is never overwritten."""
    store.record(sighting(), NOON)
    store.record(sighting(bucket="other"), NOON)
    path = store.directory / SLUG / "finding.json"
    path.write_bytes(content)
    listing = store.entries()
    assert [entry.finding.bucket for entry in listing.entries] == ["other"]
    assert listing.damaged == (message.format(path=path),)
    with pytest.raises(StoreError, match=r"finding\.json"):
        store.record(sighting("escape"), LATER)
    assert path.read_bytes() == content
    assert load(path.with_name("program.prog")).program == program()


def test_a_finding_in_a_foreign_directory_is_named(store: Store) -> None:
    """A copied or renamed directory would be counted twice or never again."""
    entry = store.record(sighting(), NOON).entry
    shutil.copytree(entry.directory, store.directory / "copy")
    path = store.directory / "copy" / "finding.json"
    assert store.entries().damaged == (f"{path}: holds the finding of directory {SLUG}",)


def test_an_unreadable_finding_is_named(store: Store) -> None:
    """A finding.json that is no file is damage, not a crash."""
    entry = store.record(sighting(), NOON).entry
    path = entry.directory / "finding.json"
    path.unlink()
    path.mkdir()
    assert store.entries().damaged == (f"{path}: cannot read: Is a directory",)


def test_prepare_makes_and_tries_the_directory(store: Store, tmp_path: Path) -> None:
    """What cannot be written is known before hours of fuzzing, with the path and the reason."""
    store.prepare()
    assert names(store.directory) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"^/.*/file: cannot make the directory: File exists$"):
        Store(tmp_path / "file").prepare()
    with pytest.raises(StoreError, match=r"^/.*/file/below: cannot make the directory: Not a directory$"):
        Store(tmp_path / "file" / "below").prepare()


def test_what_a_crash_left_is_cleared(store: Store) -> None:
    """A half-made directory of a killed process is no finding, and is gone with the next record."""
    store.prepare()
    (store.directory / ".unfinished").mkdir()
    (store.directory / ".unfinished" / "finding.json").write_text("{")
    assert store.entries() == ((), ())
    store.record(sighting(), NOON)
    assert names(store.directory) == [SLUG]


# -- a disk that fails ----------------------------------------------------------------------------------------------------

_STEPS = ("mkdir", "open", "write", "fsync", "rename", "replace")


class _Disk:
    """The system calls that change a disk; the one with number `fails_at` fails, and all later ones, as on a full disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fails_at: int, code: int) -> None:
        self.steps = 0
        self._fails_at = fails_at
        self._code = code
        self._open = os.open
        for name in _STEPS:
            monkeypatch.setattr(os, name, self._failing(getattr(os, name)))

    def _failing(self, call: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **options: object) -> object:
            if call is self._open and not args[1] & os.O_CREAT:
                return call(*args, **options)  # a full disk can be read
            self.steps += 1
            if self.steps > self._fails_at:
                raise OSError(self._code, os.strerror(self._code))
            return call(*args, **options)

        return step


def _until_it_works(work: Callable[[], None], code: int) -> Iterator[int]:
    """Do `work` on disks that fail at their first step, their second …, until one suffices; yields after each failure."""
    for fails_at in range(200):
        with pytest.MonkeyPatch.context() as patch:
            disk = _Disk(patch, fails_at, code)
            try:
                work()
            except StoreError as error:
                message = str(error)
            else:
                return
        assert disk.steps > fails_at
        assert re.fullmatch(rf"/[^\n]*: {os.strerror(code)}", message)
        yield fails_at
    raise AssertionError("the work never succeeds")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_new_finding_on_a_failing_disk(store: Store, code: int) -> None:
    """Wherever writing fails, the new finding is whole or absent, the old one is untouched, and a retry succeeds."""
    old = store.record(sighting(bucket="old"), NOON).entry
    contents = {path.name: path.read_bytes() for path in old.directory.iterdir()}
    failures = 0
    for _ in _until_it_works(lambda: store.record(sighting(), NOON), code):
        failures += 1
        assert {path.name: path.read_bytes() for path in old.directory.iterdir()} == contents
        listing = store.entries()
        assert listing.damaged == ()
        if (store.directory / SLUG).exists():
            assert names(store.directory / SLUG) == FILES
    assert failures > 12  # the lock, a directory, four files (of three steps each, if they are not empty), the rename
    assert store.load(SLUG).finding.bucket == BUCKET
    assert names(store.directory) == [SLUG, old.id]


@pytest.mark.parametrize("oracle", ["attribute-lost", "escape"])
def test_known_finding_on_a_failing_disk(store: Store, oracle: str) -> None:
    """Wherever an update fails, every file is the old or the new one, and a retry brings the new ones."""
    store.record(sighting("attribute-lost"), NOON)
    again = sighting(oracle, status=3)
    for _ in _until_it_works(lambda: store.record(again, LATER), errno.ENOSPC):
        finding = store.load(SLUG).finding
        assert finding.oracle in ("attribute-lost", oracle)
        for name in ("program.prog", "original.prog"):
            assert load(store.directory / SLUG / name).program in (program(0), again.program)
        assert names(store.directory / SLUG) == FILES
    entry = store.load(SLUG)
    assert entry.finding.oracle == oracle
    assert load(entry.program).program == (again.program if oracle == "escape" else program(0))
    assert names(store.directory) == [SLUG]


def test_short_writes_are_continued(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that takes only some bytes, as a nearly full disk or a signal makes it, loses none."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:7]))
    store.record(sighting(), NOON)
    assert store.load(SLUG).finding.bucket == BUCKET


# -- several processes ----------------------------------------------------------------------------------------------------

_PROCESSES = 4
_ROUNDS = 25


def _record_many(directory: Path, number: int) -> None:
    store = Store(directory)
    for turn in range(_ROUNDS):
        store.record(_sighting_of(number, turn), NOON)


def _sighting_of(number: int, turn: int) -> Sighting:
    """All processes share one bucket and have one each; the worst face comes from one process, in the middle."""
    if turn % 2:
        return sighting("lock", bucket=f"own-{number}")
    return sighting("escape" if (number, turn) == (2, 12) else "attribute-lost", status=number)


def test_processes_record_at_once(store: Store) -> None:
    """No sighting of any process is lost or counted twice, and the worst face wins whoever brings it."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_record_many, args=(store.directory, number)) for number in range(_PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * _PROCESSES
    listing = store.entries()
    assert listing.damaged == ()
    shared = _ROUNDS - _ROUNDS // 2
    counts = {entry.finding.bucket: entry.finding.count for entry in listing.entries}
    assert counts == {BUCKET: _PROCESSES * shared} | {f"own-{n}": _ROUNDS // 2 for n in range(_PROCESSES)}
    finding = store.load(SLUG).finding
    assert finding.oracle == "escape"
    assert finding.faces == {"attribute-lost": _PROCESSES * shared - 1, "escape": 1}
    assert load(store.load(SLUG).program).program == program(2)
