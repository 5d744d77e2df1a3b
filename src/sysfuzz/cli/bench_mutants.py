"""`sysfuzz bench mutants`: how much of what can go wrong in the core the fuzzer notices."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

import click

from sysfuzz.bench import apart
from sysfuzz.bench.lines import BadLines
from sysfuzz.bench.mutants import argued, listing, results
from sysfuzz.bench.mutants.listing import Mutant
from sysfuzz.bench.mutants.results import Results, Row
from sysfuzz.bench.mutants.run import start
from sysfuzz.bench.mutants.trial import Effort
from sysfuzz.cli.bench_trials import MOST_RUNS, ended
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import CLEAN, FOUND, BadInput, EngineFault, bad_input
from sysfuzz.cli.inputs import GivenPath
from sysfuzz.cli.options import jobs_option, runs_option, seed_option
from sysfuzz.cli.output import check_writable, json_option, say, write_json
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.provenance import installed_versions
from sysfuzz.program.lexer import unknown

_PAGE = Path("benchmarks/survivors.md")


@click.command("mutants", short_help="Run the fuzzer on automatic mutants of the core.")
@click.option(
    "--file", "files", metavar="NAME", multiple=True, help="This file of kernel/; can be repeated. Default: all."
)
@runs_option(50_000, "Executions of a mutant, at most.", most=MOST_RUNS)
@seed_option
@jobs_option("Mutants at a time.")
@click.option(
    "--sample", type=click.IntRange(min=1), metavar="N", help="N of the mutants, the same each time. Default: all."
)
@click.option(
    "--out", type=GivenPath(), metavar="FILE", help="JSON lines, a mutant each; what is in it is not run again."
)
@click.option(
    "--survivors",
    "page",
    type=GivenPath(),
    metavar="FILE",
    help=f"The page that argues about survivors. Default: {_PAGE}, if there is one.",
)
@json_option
def command(
    files: tuple[str, ...],
    runs: int,
    seed: int,
    jobs: int,
    sample: int | None,
    out: Path | None,
    page: Path | None,
    json_file: str | None,
) -> int:
    """Change the core in one place at a time, and run the full engine on it, from nothing, until an oracle has something to say.

    A mutant is covered if the reference runs its statement within the same executions with the same seed; no other could be noticed, and none is
    run. Broken are those that cannot be imported, that hang, die, or answer what the fuzzer fails over. Those that the page argues to be
    equivalent count as survivors all the same, and are not listed. Exit code 1: a survivor has no argument.

    With --out, Ctrl-C ends the run and the same command goes on with it. All but the survivors are done, so that with more executions it runs
    these alone. After a change of the sources it starts again.

    \b
    --json writes {"runs", "seed", "files": [{"file", "mutants", "covered", "killed", "broken", "survived", "equivalent", "share",
      "oracles": {oracle: mutants}}], "survivors": [mutant], "uncovered": [mutant], "versions": {package: version}}, where a
      mutant is {"file", "line", "column", "operator", "before", "after", "function"} and equivalent ones are no survivors
    """
    check_writable(json_file)
    page = page or (_PAGE if _PAGE.exists() else None)
    equivalent = _equivalent(page)
    chosen = _chosen(files, sample)
    effort = Effort(seed, runs)
    # Without a file it is one in memory, of which nothing stays whatever ends this process.
    known = _results(out or Path(f"/proc/{os.getpid()}/fd/{os.memfd_create('results')}"), chosen, effort, jobs)
    rows = [
        results.row(file, chosen, known, runs)
        for file in listing.files()
        if any(mutant.file == file for mutant in chosen)
    ]
    survivors = results.survivors(chosen, known, runs)
    gaps = [mutant for mutant in survivors if mutant.name not in equivalent]
    uncovered = results.uncovered(chosen, known)
    same = {row.file: sum(mutant.file == row.file for mutant in survivors if mutant.name in equivalent) for row in rows}
    for line in columns(_table(rows, same)):
        say(line, json_file)
    for what, listed in (("not covered", uncovered), ("survived", gaps)):
        for mutant in listed:
            say(f"{what}: {mutant.name}", json_file)
    say(
        f"{counted(len(chosen), 'mutant')}, {runs:,} executions each, seed {seed}: {counted(len(survivors), 'survivor')}, "
        f"{len(survivors) - len(gaps):,} of them argued equivalent",
        json_file,
    )
    if survivors and page is None:
        click.echo(f"without {_PAGE}, which a checkout has: no survivor is argued", err=True)
    write_json(
        json_file,
        {
            "runs": runs,
            "seed": seed,
            "files": [{**row._asdict(), "equivalent": same[row.file], "share": round(row.share, 4)} for row in rows],
            "survivors": [_record(mutant) for mutant in gaps],
            "uncovered": [_record(mutant) for mutant in uncovered],
            "versions": installed_versions(),
        },
    )
    return FOUND if gaps else CLEAN


def _equivalent(page: Path | None) -> frozenset[str]:
    """The names of the mutants that the page, if there is one, argues to be equivalent."""
    if page is None:
        return frozenset()
    with bad_input(argued.BadPage, StoreError):
        return argued.equivalent(argued.read(page))


def _chosen(files: Collection[str], sample: int | None) -> list[Mutant]:
    known = listing.files()
    for file in files:
        if file not in known:
            raise BadInput(f"--file: {unknown('file', file, known)}")
    chosen = [mutant for file in known if not files or file in files for mutant in listing.mutants(file)]
    return chosen if sample is None else listing.sample(chosen, sample)


def _results(out: Path, chosen: Sequence[Mutant], effort: Effort, jobs: int) -> Results:
    """Run what the file does not know, and read it."""
    sources = listing.digest()
    with bad_input(results.BadResults, BadLines):
        if out.exists():
            results.read(out, sources, effort)  # before any work is done
        code = start(out, chosen, effort, jobs, sources)
        if code == apart.INTERRUPTED:
            raise KeyboardInterrupt
        if ended(code, "the mutants"):
            raise click.exceptions.Exit(code)  # which has been told
        if listing.digest() != sources:
            raise EngineFault(
                "the sources changed during the run, so that its results are of no one fuzzer; run it again"
            )
        return results.read(out, sources, effort)


def _table(rows: Sequence[Row], equivalent: dict[str, int]) -> list[tuple[str, ...]]:
    """A heading, a row by file, the sums."""
    body = [(row, equivalent[row.file]) for row in rows] + [(results.total(rows), sum(equivalent.values()))]
    return [
        ("file", "mutants", "covered", "killed", "broken", "survived", "equivalent", "share", "killed by"),
        *(
            (
                row.file,
                *(f"{count:,}" for count in (row.mutants, row.covered, row.killed, row.broken, row.survived, same)),
                f"{100 * row.share:.1f} %" if row.killed + row.broken + row.survived else "-",
                ", ".join(f"{oracle} {count}" for oracle, count in row.oracles.items()),
            )
            for row, same in body
        ),
    ]


def _record(mutant: Mutant) -> dict[str, object]:
    return {field: value for field, value in mutant._asdict().items() if field != "reached"}
