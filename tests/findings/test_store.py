"""The directory of findings."""

import errno
import itertools
import multiprocessing
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sightings import BUCKET, LATER, NOON, SLUG, TARGET, program, sighting

from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import STATUSES, Evidence, Replays, Sighting, Status
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
    store.set_status(SLUG, "confirmed")
    store.record(sighting(), LATER)
    assert load(entry.program).program.ops[0].args == (7,)
    worse = store.record(sighting("escape"), LATER).entry
    assert worse.finding.status == "confirmed"
    assert (entry.directory / "notes.md").read_text() == "Mine.\n"


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_fixed_bug_comes_back(store: Store, status: Status) -> None:
    """Whatever people said, a sighting counts and changes none of it; that it contradicts "fixed" is told."""
    store.record(sighting(), NOON)
    store.record(sighting(bucket="other"), NOON)
    said = store.set_status(SLUG, status, "so", f"{TARGET}--other" if status == "duplicate" else "").finding
    recorded = store.record(sighting(count=4), LATER)
    assert recorded.reappeared is (status == "fixed")
    counted = replace(said, count=5, faces={"attribute-lost": 5}, last_seen=LATER)
    assert recorded.entry.finding == counted
    assert store.load(SLUG).finding == counted


# -- what people say ------------------------------------------------------------------------------------------------------


def test_a_status_is_the_only_change(store: Store) -> None:
    """The file tells what was said and nothing else is another; what it tells already is not written again."""
    entry = store.record(sighting(), NOON).entry
    path = entry.directory / "finding.json"
    before = path.read_text()
    said = store.set_status(SLUG, "rejected", "as the manual has it")
    assert said == store.load(SLUG)
    text = '"status": "rejected",\n  "why": "as the manual has it",'
    assert path.read_text() == before.replace('"status": "new",', text)
    assert names(entry.directory) == FILES
    written = path.stat().st_ino
    store.set_status(SLUG, "rejected", "as the manual has it")
    assert store.set_status(SLUG, "rejected") == said
    assert path.stat().st_ino == written
    store.set_status(SLUG, "new")
    assert path.read_text() == before


def test_another_reason_replaces_the_old_one(store: Store) -> None:
    """A reason belongs to its status: it goes with it, and gives way to a new one."""
    store.record(sighting(), NOON)
    store.set_status(SLUG, "rejected", "one")
    assert store.set_status(SLUG, "rejected", "two").finding.why == "two"
    assert store.set_status(SLUG, "confirmed").finding.why == ""


def chained(store: Store, *letters: str) -> dict[str, str]:
    """Findings with the buckets `letters`, each a duplicate of the next; their ids."""
    identities = {letter: store.record(sighting(bucket=letter), NOON).entry.id for letter in letters}
    for first, second in itertools.pairwise(letters):
        store.set_status(identities[first], "duplicate", duplicate_of=identities[second])
    return identities


def test_a_duplicate_names_its_original(store: Store) -> None:
    """Duplicates of duplicates are fine; another status ends it."""
    ids = chained(store, "a", "b", "c")
    assert store.load(ids["a"]).finding.duplicate_of == ids["b"]
    assert store.set_status(ids["a"], "confirmed").finding.duplicate_of == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", "duplicate", "", "a"), "duplicate_of: leads back: t--a -> t--a"),
        (("b", "duplicate", "", "a"), "duplicate_of: leads back: t--b -> t--a -> t--b"),
        (("c", "duplicate", "", "a"), "duplicate_of: leads back: t--c -> t--a -> t--b -> t--c"),
        (("c", "duplicate"), "duplicate_of: needed with status duplicate, and only there"),
        (("c", "confirmed", "", "a"), "duplicate_of: needed with status duplicate, and only there"),
        (("c", "rejected", "a\nb"), r"why: expected a line of text, got 'a\nb'"),
    ],
)
def test_what_cannot_be_said(store: Store, arguments: tuple[str, ...], message: str) -> None:
    """Duplicates lead to one that is none; a contradiction is refused with the file and the reason, and nothing is changed."""
    ids = chained(store, "a", "b", "c")
    before = {entry.id: (entry.directory / "finding.json").read_text() for entry in store.entries().entries}
    letter, status, *rest = arguments
    why, of = (*rest, "", "")[:2]
    with pytest.raises(StoreError) as caught:
        store.set_status(ids[letter], status, why, ids.get(of, ""))
    assert (
        str(caught.value)
        == f"{store.directory / ids[letter] / 'finding.json'}: {message.replace('t--', TARGET + '--')}"
    )
    assert before == {entry.id: (entry.directory / "finding.json").read_text() for entry in store.entries().entries}


def test_names_that_are_not_here(store: Store) -> None:
    """The id that is not here is told, whether it is the finding's or its original's."""
    store.record(sighting(), NOON)
    for identity, of in (("nothing", ""), (SLUG, "nothing"), (SLUG, f"../findings/{SLUG}")):
        with pytest.raises(KeyError) as caught:
            store.set_status(identity, "duplicate" if of else "fixed", duplicate_of=of)
        assert caught.value.args == (of or identity,)


def test_a_duplicate_of_what_is_gone(store: Store) -> None:
    """People may delete a finding; those that name it can still be read, named and changed."""
    ids = chained(store, "a", "b", "c")
    shutil.rmtree(store.directory / ids["b"])
    assert store.set_status(ids["c"], "duplicate", duplicate_of=ids["a"]).finding.duplicate_of == ids["a"]
    assert store.set_status(ids["a"], "fixed").finding.status == "fixed"


def test_duplicates_that_go_in_a_circle(store: Store) -> None:
    """A circle that an editor or a merge made ends no process, and can be left."""
    ids = chained(store, "a", "b")
    path = store.directory / ids["b"] / "finding.json"
    path.write_text(path.read_text().replace('"new",', f'"duplicate",\n  "duplicate_of": "{ids["a"]}",'))
    other = store.record(sighting(bucket="c"), NOON).entry.id
    assert store.set_status(other, "duplicate", duplicate_of=ids["a"]).finding.duplicate_of == ids["a"]
    assert store.set_status(ids["a"], "confirmed").finding.status == "confirmed"


# -- notes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", ["", " \n\n", None])
def test_notes_are_written_where_there_are_none(store: Store, empty: str | None) -> None:
    """An empty or missing file gets the text as it is; from then on it is people's."""
    path = store.record(sighting(), NOON).entry.directory / "notes.md"
    path.unlink()
    if empty is not None:
        path.write_text(empty)
    assert store.notes(SLUG) == ""
    assert store.write_notes(SLUG, "# Why\n")
    assert path.read_text() == "# Why\n"
    assert store.notes(SLUG) == "# Why"
    assert not store.write_notes(SLUG, "else\n")
    assert path.read_text() == "# Why\n"


def test_notes_of_what_is_not_here(store: Store) -> None:
    """No notes without a finding."""
    with pytest.raises(KeyError):
        store.write_notes("nothing", "text")
    store.record(sighting(), NOON)
    (store.directory / SLUG / "notes.md").unlink()
    (store.directory / SLUG / "notes.md").mkdir()
    with pytest.raises(StoreError, match=r"/notes\.md: cannot read: Is a directory$"):
        store.write_notes(SLUG, "text")


def test_links_are_not_written_through(store: Store, tmp_path: Path) -> None:
    """A file of a finding that is a link becomes a file: a store that came from elsewhere cannot make others be overwritten."""
    entry = store.record(sighting(), NOON).entry
    for name in FILES:
        outside = tmp_path / name
        (entry.directory / name).rename(outside)
        (entry.directory / name).symlink_to(outside)
    before = {name: (tmp_path / name).read_text() for name in FILES}
    store.write_notes(SLUG, "text")
    store.set_status(SLUG, "confirmed")
    store.record(sighting("escape", status=3), LATER)
    assert {name: (tmp_path / name).read_text() for name in FILES} == before
    assert not any((entry.directory / name).is_symlink() for name in FILES)
    assert store.load(SLUG).finding.oracle == "escape"


# -- a smaller program ----------------------------------------------------------------------------------------------------


def test_a_smaller_program_replaces_the_program(store: Store) -> None:
    """`program.prog` and what is known about it are the new program's; all else, `original.prog` included, is as it was."""
    entry = store.record(sighting("escape", status=1), NOON).entry
    original = (entry.directory / "original.prog").read_bytes()
    store.set_status(SLUG, "confirmed", "seen")
    replaced = store.replace_program(SLUG, program(2), Evidence(0, "this", "that"), Replays(20, 20))
    assert replaced == store.load(SLUG)
    assert replaced.finding == replace(
        entry.finding, status="confirmed", why="seen", evidence=Evidence(0, "this", "that"), replays=Replays(20, 20)
    )
    assert load(entry.program).program == program(2)
    assert entry.program.read_text().splitlines()[:3] == original.decode().splitlines()[:3]  # the header comments
    assert (entry.directory / "original.prog").read_bytes() == original
    assert names(entry.directory) == FILES


def test_the_same_program_replaces_nothing(store: Store) -> None:
    """A program that is stored already is refused, however its text is laid out."""
    entry = store.record(sighting(), NOON).entry
    text = "# mine\n" + entry.program.read_text()
    entry.program.write_text(text)
    with pytest.raises(StoreError, match=r"program\.prog: is that program already$"):
        store.replace_program(SLUG, program(), entry.finding.evidence, entry.finding.replays)
    assert entry.program.read_text() == text
    assert store.load(SLUG) == entry


def test_a_worse_face_is_not_replaced_by_a_smaller_program(store: Store) -> None:
    """What is smaller than the program of yesterday says nothing about the worse one that a fuzzer has stored since."""
    store.record(sighting("attribute-lost"), NOON)
    smaller = (program(2), Evidence(0, "this", "that"), Replays(10, 10))
    worse = store.record(sighting("escape", status=3), LATER).entry
    with pytest.raises(StoreError, match=r"program\.prog: has been replaced by another program$"):
        store.replace_program(SLUG, *smaller, instead_of=program())
    assert store.load(SLUG) == worse
    assert load(worse.program).program == program(3)
    assert store.replace_program(SLUG, *smaller, instead_of=program(3)).finding.evidence == smaller[1]


@pytest.mark.parametrize(
    ("content", "message"), [("exit(\n", r"program\.prog:1:\d+: "), (None, r"program\.prog: cannot read: No such file")]
)
def test_a_damaged_program_is_not_replaced(store: Store, content: str | None, message: str) -> None:
    """What people's editing left is theirs to mend."""
    entry = store.record(sighting(), NOON).entry
    entry.program.unlink()
    if content is not None:
        entry.program.write_text(content)
    with pytest.raises(StoreError, match=message):
        store.replace_program(SLUG, program(2), Evidence(0, "x", "y"), Replays(1, 1))
    assert store.load(SLUG) == entry
    with pytest.raises(KeyError):
        store.replace_program("nothing", program(2), Evidence(0, "x", "y"), Replays(1, 1))


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


def test_a_pipe_is_not_waited_for(store: Store) -> None:
    """A pipe in the place of a finding would hold up every look at the directory; it is damage."""
    entry = store.record(sighting(), NOON).entry
    path = entry.directory / "finding.json"
    path.unlink()
    os.mkfifo(path)
    assert store.entries().damaged == (f"{path}:1:1: no JSON: Expecting value",)


def test_a_pipe_for_a_program_is_damage(store: Store) -> None:
    """Nobody who lists, replays or reports should wait for its writer."""
    entry = store.record(sighting(), NOON).entry
    entry.program.unlink()
    os.mkfifo(entry.program)
    assert store.entries().damaged == (f"{entry.program}: is a pipe; supported: a file",)


@pytest.mark.parametrize(("name", "read"), [("finding.json", Store.load), ("notes.md", Store.notes)])
def test_a_file_without_end_is_not_read_to_its_end(
    store: Store, name: str, read: Callable[[Store, str], object]
) -> None:
    """A link to a device would take all memory; it is refused in one line."""
    path = store.record(sighting(), NOON).entry.directory / name
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(StoreError) as caught:
        read(store, SLUG)
    assert str(caught.value) == f"{path}: is too long; supported: at most 16,777,216 bytes"


@pytest.mark.parametrize("name", ["n\nl", "\udcff", "sp  ace"])
def test_a_directory_of_any_name(tmp_path: Path, name: str) -> None:
    """The header names the directory; whatever that is called, the program can be written and read."""
    entry = Store(tmp_path / name).record(sighting(), NOON).entry
    assert load(entry.program).program == program()


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


def test_a_smaller_program_on_a_failing_disk(store: Store) -> None:
    """Wherever it fails, each file is the old or the new one, the finding can be read, and a retry ends with the new."""
    first = store.record(sighting(), NOON).entry
    evidence = Evidence(0, "this", "that")

    def work() -> None:
        if (load(first.program).program, store.load(SLUG).finding.evidence) != (program(2), evidence):
            store.replace_program(SLUG, program(2), evidence, Replays(10, 10))

    failures = 0
    for _ in _until_it_works(work, errno.ENOSPC):
        failures += 1
        assert store.load(SLUG).finding.evidence in (first.finding.evidence, evidence)
        assert load(first.program).program in (program(), program(2))
        assert names(first.directory) == FILES
    assert failures > 8
    assert load(first.program).program == program(2)
    assert store.load(SLUG).finding.evidence == evidence


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


def _say_many(directory: Path, own: str, other: str) -> None:
    for _ in range(_ROUNDS):
        with suppress(StoreError):  # it would be a circle just then
            Store(directory).set_status(own, "duplicate", duplicate_of=other)
        Store(directory).set_status(own, "confirmed", "seen")
        with suppress(StoreError):
            Store(directory).set_status(own, "duplicate", duplicate_of=other)


def test_two_say_at_once_that_the_other_is_a_duplicate(store: Store) -> None:
    """There is never a circle, not even when each is told to be the other's duplicate in the same moment."""
    ids = [store.record(sighting(bucket=letter), NOON).entry.id for letter in "ab"]
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_say_many, args=(store.directory, *pair)) for pair in (ids, ids[::-1])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert [store.load(identity).finding.status for identity in ids].count("duplicate") == 1


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


@pytest.mark.parametrize(
    "identity",
    [
        "",
        ".",
        "..",
        ".lock",
        "/",
        "nothing",
        f"../findings/{SLUG}",
        f"./{SLUG}",
        f"{SLUG}/",
        f"{SLUG}\0",
        "x" * 300,
        "file",
        "loop",
    ],
)
def test_an_id_is_a_name_in_the_list(store: Store, identity: str) -> None:
    """A finding is loaded by a name that `ids` lists, and by no other way to it."""
    store.record(sighting(), NOON)
    (store.directory / "file").touch()
    (store.directory / "loop").symlink_to("loop")
    assert store.ids() == [SLUG]
    with pytest.raises(KeyError):
        store.load(identity)


def test_a_finding_in_place_of_the_store(store: Store) -> None:
    """What lies in the store's own directory is none of its findings."""
    entry = store.record(sighting(), NOON).entry
    shutil.copy(entry.directory / "finding.json", store.directory / "finding.json")
    assert store.ids() == [SLUG]
    with pytest.raises(KeyError):
        store.load("")


def test_marks_change_with_the_finding(store: Store) -> None:
    """A finding's mark is another one once it is counted, written by hand, or made anew, and no other finding's is."""
    store.record(sighting(), NOON)
    other = store.record(sighting(bucket="another/one"), NOON).entry.id
    path = store.directory / SLUG / "finding.json"
    steps: tuple[Callable[[], object], ...] = (
        lambda: store.record(sighting(), LATER),
        lambda: path.write_text(path.read_text() + "\n"),
        lambda: store.set_status(SLUG, "confirmed"),
    )
    for step in steps:
        before = store.marks()
        assert store.marks() == before
        step()
        after = store.marks()
        assert list(after) == sorted([SLUG, other])
        assert {identity for identity, mark in after.items() if before[identity] != mark} == {SLUG}
    shutil.rmtree(path.parent)
    assert list(store.marks()) == [other]
