"""What `sysfuzz ci` has to say in the end: lines for people, workflow commands, JSON, SARIF and JUnit, and the exit code.

All of them say the same: each finding of the run has a standing, and golden programs that fail have that of the bugs that they show.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sysfuzz.ci import change
from sysfuzz.ci.base import Base
from sysfuzz.ci.change import BROKEN, NEWS, STANDINGS, Checked, Standing
from sysfuzz.cli import annotations
from sysfuzz.cli.ci_run import Run
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import CLEAN, ENGINE_FAULT, FOUND, BadInput, bad_input
from sysfuzz.cli.explaining import Explainer
from sysfuzz.cli.output import check_writable, replace_text, write_json
from sysfuzz.cli.render import coloured
from sysfuzz.cli.watch import Seen
from sysfuzz.findings.bucket import slug_of
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import Finding
from sysfuzz.findings.ignore import IgnoreList
from sysfuzz.findings.provenance import installed_versions
from sysfuzz.findings.reproducer import replay_command
from sysfuzz.findings.store import Listing, Store
from sysfuzz.report import FORMATS, gather
from sysfuzz.report.golden import Case, with_golden


class Shown(NamedTuple):
    """A finding of the run and how it stands."""

    seen: Seen
    standing: Standing

    @property
    def finding(self) -> Finding:
        """What is known about it."""
        return self.seen.entry.finding

    @property
    def replay(self) -> str:
        """The command that shows it again."""
        return replay_command(self.seen.entry.program, self.finding.target)


class Outcome(NamedTuple):
    """All that the runs came to."""

    base: Base
    accepted: IgnoreList  # why what is known or ignored need not be told
    runs: tuple[Run, ...]
    shown: tuple[Shown, ...]  # by standing, the worst first
    golden: tuple[tuple[Checked, str], ...]  # and how each stands: "" if it holds

    @classmethod
    def of(cls, base: Base, ignored: IgnoreList, seen: Sequence[Seen], runs: Sequence[Run]) -> "Outcome":
        """The outcome of runs that have met the findings in `seen`."""
        shown = [Shown(one, change.standing(one.entry.id, one.entry.finding, base, ignored)) for one in seen]
        shown.sort(key=lambda one: STANDINGS.index(one.standing))
        standings = {(one.finding.target, one.finding.bucket): one.standing for one in shown}
        golden = tuple((checked, change.outcome(checked, standings)) for run in runs for checked in run.checked)
        return cls(base, change.accepted(base, ignored), tuple(runs), tuple(shown), golden)

    @property
    def faults(self) -> int:
        """Of the engine."""
        return sum(run.faults for run in self.runs)

    @property
    def code(self) -> int:
        """The exit code."""
        if self.faults:
            return ENGINE_FAULT
        news = any(one.standing in NEWS for one in self.shown)
        return FOUND if news or any(standing in (*NEWS, BROKEN) for _, standing in self.golden) else CLEAN

    def lines(self) -> Iterator[str]:
        """The end of the log: what is to be done, last of all the sum."""
        yield from columns(
            (one.standing, coloured(one.finding.severity), one.finding.oracle, f"{one.seen.executions:,}", one.replay)
            for one in self.shown
        )
        for checked, standing in self.golden:
            if standing in (*NEWS, BROKEN):
                yield from (f"{checked.file}:{miss.line}: {checked.target}: {miss}" for miss in checked.misses)
        for run in self.runs:
            for entry in run.gone:
                yield f"gone: {entry.directory} does not show its bug any more"
        if annotations.wanted():
            yield from self._annotations()
        yield self._sum()

    def _annotations(self) -> Iterator[str]:
        for one in self.shown:
            if one.standing in NEWS:
                finding, said = one.finding, one.finding.evidence
                yield annotations.annotation(
                    "error",
                    f"{finding.oracle} on {finding.target}: expected {said.expected}, got {said.actual}\n{one.replay}",
                    file=str(one.seen.entry.program),
                    title=f"{one.standing}: {finding.bucket}",
                )
        for checked, standing in self.golden:
            if standing in (*NEWS, BROKEN):
                for miss in checked.misses:
                    yield annotations.annotation(
                        "error",
                        f"on {checked.target}: {miss}",
                        file=checked.file,
                        line=miss.line,
                        title="golden program",
                    )
        for run in self.runs:
            for entry in run.gone:
                yield annotations.annotation(
                    "notice", "does not show its bug any more", file=str(entry.program), title=f"gone: {entry.id}"
                )

    def _sum(self) -> str:
        executions, seconds = sum(run.executions for run in self.runs), sum(run.seconds for run in self.runs)
        found = {name: sum(one.standing == name for one in self.shown) for name in STANDINGS}
        failing = [standing for _, standing in self.golden if standing]
        failed = sum(standing in (*NEWS, BROKEN) for standing in failing)
        parts = [f"{counted(executions, 'execution')} in {seconds:.1f} s"]
        parts += [f"{count:,} {name}" for name, count in found.items() if count or name == "new"]
        if self.golden:
            as_known = f", {len(failing) - failed:,} as known" if len(failing) > failed else ""
            parts.append(f"{counted(len(self.golden), 'golden program')} ({failed:,} failed{as_known})")
        return ", ".join([*parts, counted(self.faults, "engine fault")])

    def record(self) -> dict[str, object]:
        """What --json promises."""
        return {
            "base": {
                "source": self.base.source,
                "commit": self.base.commit,
                "findings": len(self.base.findings),
            },
            "runs": [
                {
                    "target": run.target,
                    "executions": run.executions,
                    "seconds": round(run.seconds, 3),
                    "seed": run.seed,
                }
                for run in self.runs
            ],
            "findings": [
                {
                    "id": one.seen.entry.id,
                    "target": one.finding.target,
                    "bucket": one.finding.bucket,
                    "oracle": one.finding.oracle,
                    "severity": one.finding.severity,
                    "standing": one.standing,
                    "count": one.seen.executions,
                    "program": str(one.seen.entry.program),
                    "replay": one.replay,
                }
                for one in self.shown
            ],
            "golden": [
                {
                    "file": checked.file,
                    "target": checked.target,
                    "standing": standing,
                    "misses": [
                        {"line": miss.line, "expected": miss.expected, "actual": miss.actual} for miss in checked.misses
                    ],
                    "buckets": list(checked.buckets),
                }
                for checked, standing in self.golden
            ],
            "gone": [entry.id for run in self.runs for entry in run.gone],
            "engine_faults": self.faults,
        }


class Outputs(NamedTuple):
    """The files that were asked for."""

    sarif: Path | None
    junit: Path | None
    json_file: str | None

    def check(self) -> None:
        """Find out before the work begins that a file could not be written. Raises BadInput."""
        check_writable(self.json_file)
        for option, path in (("--sarif", self.sarif), ("--junit", self.junit)):
            if path is not None and (path.is_dir() or not path.parent.is_dir()):
                what = "Is a directory" if path.is_dir() else "No such file or directory"
                raise BadInput(f"{option}: {path if path.is_dir() else path.parent}: {what}")

    def write(self, outcome: Outcome, store: Store) -> None:
        """Write them all; of the store only what this run has met. Raises BadInput."""
        write_json(self.json_file, outcome.record())
        if self.sarif is None and self.junit is None:
            return
        with bad_input(StoreError):
            report = gather(
                store,
                Listing(tuple(one.seen.entry for one in outcome.shown), ()),
                root=Path.cwd(),
                made=datetime.now(UTC).replace(microsecond=0),
                versions=installed_versions(),
                wanted=lambda finding: True,
                explain=Explainer("--target"),
                ignored=outcome.accepted.reason,
            )
        if self.sarif is not None:
            replace_text(self.sarif, FORMATS["sarif"](report))
        if self.junit is not None:
            cases = [_case(checked, standing, outcome) for checked, standing in outcome.golden]
            replace_text(self.junit, with_golden(FORMATS["junit"](report), cases))


def _case(checked: Checked, standing: str, outcome: Outcome) -> Case:
    """A golden program as JUnit tells it."""
    failure = "\n".join(f"{checked.file}:{miss.line}: {miss}" for miss in checked.misses)
    line = checked.misses[0].line if checked.misses else 1
    skipped = ""
    if standing and standing not in (*NEWS, BROKEN):
        ids = {slug_of(checked.target, bucket) for bucket in checked.buckets}
        reasons = [
            outcome.accepted.reason(one.finding) or one.standing for one in outcome.shown if one.seen.entry.id in ids
        ]
        skipped = "; ".join(dict.fromkeys(reasons))
    return Case(checked.file, line, checked.target, failure, skipped)
