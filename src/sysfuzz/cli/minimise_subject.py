"""What is to be made smaller: a finding of a store or a program file, its bucket, and where its results go.

While a search runs its best program lies in a hidden file: a finding's in its own directory, a file's beside what will be written, or beside
the file itself. The first line names what it was made from, so that it is never taken for the best of something else. Every write leaves the
old contents or the new. Searching is not known here.
"""

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sysfuzz.cli.errors import BadInput, bad_input
from sysfuzz.cli.inputs import Named, choose_target, open_target, read_program
from sysfuzz.cli.minimise_predicate import Sight, sights
from sysfuzz.cli.output import replace_text
from sysfuzz.cli.triage_store import load_entry, open_store
from sysfuzz.engine.replay import REPLAYS, Replayed, replays
from sysfuzz.findings.bucket import slug_of
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import Evidence, Replays, Sighting
from sysfuzz.findings.provenance import Provenance, installed_versions
from sysfuzz.findings.reproducer import program_text
from sysfuzz.findings.severity import Severity, rank
from sysfuzz.findings.store import FINDING, Entry, Store
from sysfuzz.minimise.order import is_smaller
from sysfuzz.program.ir import Program
from sysfuzz.program.text import Source, TextError, format_program, load
from sysfuzz.targets.table import Target

_UNFINISHED = ".minimising.prog"  # a finding's; of a file, its name stands before the last dot
_STATED = re.compile(r"#\s*bucket:\s*(.*\S)\s*")


class Subject(NamedTuple):
    """One program, and the bucket that its smaller versions must show on the target with a face that is no milder."""

    file: Path
    program: Program
    target: Target
    bucket: str
    severity: Severity
    beside: frozenset[str]  # other buckets that the program shows
    unfinished: Path
    store: Store | None = None  # of a finding
    entry: Entry | None = None

    # -- the best so far ----------------------------------------------------------------------------------------------

    def keep(self, program: Program) -> None:
        """Write the best program so far to disk. Raises BadInput if that fails."""
        if self.unfinished.is_symlink() or self.unfinished.is_fifo():
            # Not ours: a write would go elsewhere, or wait for ever.
            raise BadInput(f"{self.unfinished}: cannot write: supported: a file; remove it")
        replace_text(
            self.unfinished, program_text(program, (self._origin(), "the best so far; see 'sysfuzz minimise'"))
        )

    def kept(self) -> Program | None:
        """The best program of an earlier search from the same program, if one was left; what cannot be read is none."""
        if not self.unfinished.is_file():
            return None
        try:
            source = load(self.unfinished)
        except (OSError, TextError):
            return None
        if source.preamble[:1] != (f"# {self._origin()}",) or not is_smaller(source.program, self.program):
            return None
        shown = [
            sight for sight in sights(self.target, source.program, str(self.unfinished)) if sight.bucket == self.bucket
        ]
        return source.program if shown and rank(shown[0].severity) <= rank(self.severity) else None

    def finish(self) -> None:
        """Remove what `keep` has written: its contents are where they belong."""
        with bad_input():
            self.unfinished.unlink(missing_ok=True)

    def _origin(self) -> str:
        text = f"{self.target.name}\n{self.bucket}\n{format_program(self.program)}"
        return f"made from {hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()}"

    # -- the store ----------------------------------------------------------------------------------------------------

    def replays(self, sight: Sight) -> Replayed:
        """How often a program shows its bucket again, in a fresh process. Raises BadInput if none can be started."""
        with bad_input():
            return replays(self.target.name, sight.program, sight.bucket, sight.verdict.oracle)

    def replace(self, sight: Sight, when: datetime) -> bool:
        """Let the finding's program be that of `sight`, which has shown the bug in all replays; False if it is that already.

        A worse face than the finding's is recorded as one more sighting of it. Raises BadInput if the store cannot be written, or if by now it
        has another program, such as one that a fuzzer has met and that shows a worse face.
        """
        assert self.store is not None and self.entry is not None
        evidence, all_shown = Evidence.of(sight.verdict), Replays(REPLAYS, REPLAYS)
        with bad_input(StoreError):
            if rank(sight.severity) < rank(self.severity):
                self.store.record(_sighting(self.target.name, sight), when)
            finding = self.store.load(self.entry.id).finding
            stored = read_program(self.entry.program).program
            if (stored, finding.evidence, finding.replays) == (sight.program, evidence, all_shown):
                return rank(sight.severity) < rank(self.severity)
            self.store.replace_program(self.entry.id, sight.program, evidence, all_shown, instead_of=self.program)
        return True

    def record(self, sight: Sight, when: datetime) -> str:
        """Record another bucket, if this is a finding, beside it; what was done, in words. Raises BadInput if the store cannot be written."""
        if self.store is None:
            return ""
        with bad_input(StoreError):
            identity = slug_of(self.target.name, sight.bucket)
            known = self.store.load(identity).finding if identity in self.store.ids() else None
            if known is not None and rank(known.severity) <= rank(sight.severity):
                return "known already"
            shown, reason = self.replays(sight)
            if shown < REPLAYS:
                return f"not recorded: {shown} of {REPLAYS} replays showed it{f' ({reason})' if reason else ''}"
            entry = self.store.record(_sighting(self.target.name, sight), when).entry
        return f"recorded as {entry.directory}"


def choose(given: Path, target: str | None, directory: Path, output: Path | None) -> Subject:
    """What `given` means: a file, a finding's directory, or an id in the store at `directory`.

    Raises BadInput if it is none of these, or shows no bug.
    """
    if given.is_dir() and (given / FINDING).exists():
        return _finding(Store(given.resolve().parent), given.resolve().name, target)
    if given.is_file() or given.suffix == ".prog":
        return _file(given, target, output)
    return _finding(open_store(directory), str(given), target)


def _finding(store: Store, identity: str, target: str | None) -> Subject:
    entry = load_entry(store, identity)
    finding = entry.finding
    if target not in (None, finding.target):
        raise BadInput(f"--target: finding {identity} is one of {finding.target}; supported: that, or a FILE")
    source = read_program(entry.program)
    runner = open_target(Named(finding.target, str(entry.directory / FINDING)))
    found = sights(runner, source.program, source.file)
    for sight in found:
        if sight.bucket == finding.bucket and rank(sight.severity) <= rank(finding.severity):
            return Subject(
                file=entry.program,
                program=source.program,
                target=runner,
                bucket=finding.bucket,
                severity=finding.severity,
                beside=_others(found, sight),
                unfinished=entry.directory / _UNFINISHED,
                store=store,
                entry=entry,
            )
    raise BadInput(f"{entry.program}: does not show {finding.bucket} ({finding.severity}) on {runner.name} any more")


def _file(path: Path, target: str | None, output: Path | None) -> Subject:
    source = read_program(path)
    runner = open_target(choose_target(target, source))
    found = sights(runner, source.program, source.file)
    sight = _chosen(found, source, runner)
    # Nothing is written beside a device.
    result = path if output is None or (output.exists() and not output.is_file()) else output
    return Subject(
        file=path,
        program=source.program,
        target=runner,
        bucket=sight.bucket,
        severity=sight.severity,
        beside=_others(found, sight),
        unfinished=result.with_name(f".{result.name}{_UNFINISHED}"),
    )


def _others(found: list[Sight], chosen: Sight) -> frozenset[str]:
    return frozenset(sight.bucket for sight in found) - {chosen.bucket}


def _chosen(found: list[Sight], source: Source, target: Target) -> Sight:
    """What the file says that it shows in its header comment `# bucket: B`, else the worst that it does show."""
    if not found:
        raise BadInput(f"{source.file}: shows no bug on {target.name}")
    for number, line in enumerate(source.preamble, 1):
        if match := _STATED.fullmatch(line):
            for sight in found:
                if sight.bucket == match[1]:
                    return sight
            shown = ", ".join(sight.bucket for sight in found)
            raise BadInput(f"{source.file}:{number}: does not show {match[1]} on {target.name}; shown: {shown}")
    return min(found, key=lambda sight: rank(sight.severity))


def _sighting(target: str, sight: Sight) -> Sighting:
    """One execution of a search, which has no seed and is no epoch of a campaign."""
    oracle = sight.verdict.oracle
    return Sighting(
        bucket=sight.bucket,
        oracle=oracle,
        target=target,
        program=sight.program,
        evidence=Evidence.of(sight.verdict),
        replays=Replays(REPLAYS, REPLAYS),
        provenance=Provenance(installed_versions(), seed=0, epoch=0, worker=0, executions=1),
        count=1,
        faces={oracle: 1},
    )
