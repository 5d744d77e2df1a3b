"""`sysfuzz bench buckets`."""

from collections.abc import Sequence
from pathlib import Path

import click

from sysfuzz.bench import buckets as measuring
from sysfuzz.bench.weaknesses import WEAKNESSES, target
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import CLEAN, BadInput
from sysfuzz.cli.inputs import GivenPath, read_program
from sysfuzz.cli.options import runs_option, seed_option
from sysfuzz.cli.output import check_writable, json_option, say, write_json
from sysfuzz.findings.provenance import installed_versions
from sysfuzz.program.ir import Program
from sysfuzz.program.lexer import unknown

_PROGRAMS = Path("tests/weaknesses")


@click.command("buckets")
@runs_option(1000, "Fresh programs, and mutants, of each.")
@seed_option
@click.option("--only", metavar="NAME", multiple=True, help="This planted weakness; can be repeated. Default: all.")
@click.option(
    "--programs",
    type=GivenPath(),
    default=_PROGRAMS,
    show_default=True,
    metavar="DIR",
    help="Directory with a program NAME.prog for each weakness.",
)
@json_option
def command(runs: int, seed: int, only: tuple[str, ...], programs: Path, json_file: str | None) -> int:
    """Buckets of each planted weakness and weaknesses of each bucket, both of which are to be 1.

    A row: the weakness and its grade; fresh programs until one showed it (- if none did); its buckets as found, and after kin are folded; the
    oracles; the buckets that are left. Splits and merges follow by name.

    \b
    --json writes {"runs", "seed", "weaknesses": [{"name", "grade", "first", "oracles", "buckets": {bucket: executions},
      "elders": {bucket: bucket that stands for it}}], "splits": {weakness: [bucket]}, "merges": {bucket: [weakness]},
      "versions": {package: version}}
    """
    check_writable(json_file)
    if not programs.is_dir():
        raise BadInput(
            f"--programs: {programs}: no such directory; supported: {_PROGRAMS} of a checkout, or one with a program NAME.prog for each weakness"
        )
    known = {name: _known(programs, name) for name in _chosen(only)}
    rows = [
        measuring.faces(name, WEAKNESSES[name].grade, target(name), program, runs, seed)
        for name, program in known.items()
    ]
    splits, merges = measuring.splits(rows), measuring.merges(rows)
    for line in _table(rows):
        say(line, json_file)
    for what, found in (("more than one bucket", splits), ("more than one weakness", merges)):
        for name, members in found.items():
            say(f"{what}: {name}: {', '.join(members)}", json_file)
    say(
        f"weaknesses: {len(rows)}, {runs:,} fresh programs and as many mutants of each, seed {seed}: "
        f"{len(splits)} split, {counted(len(merges), 'bucket')} merged",
        json_file,
    )
    write_json(
        json_file,
        {
            "runs": runs,
            "seed": seed,
            "weaknesses": [
                {
                    "name": row.name,
                    "grade": row.grade,
                    "first": row.first,
                    "oracles": row.oracles,
                    "buckets": row.buckets,
                    "elders": row.elders,
                }
                for row in rows
            ],
            "splits": splits,
            "merges": merges,
            "versions": installed_versions(),
        },
    )
    return CLEAN


def _chosen(only: Sequence[str]) -> list[str]:
    for name in only:
        if name not in WEAKNESSES:
            raise BadInput(f"--only: {unknown('weakness', name, list(WEAKNESSES))}")
    return [name for name in WEAKNESSES if not only or name in only]


def _known(programs: Path, name: str) -> Program:
    return read_program(programs / f"{name}.prog").program


def _table(rows: Sequence[measuring.Faces]) -> list[str]:
    head = ("weakness", "grade", "first", "found", "folded", "oracles", "buckets")
    return columns(
        [
            head,
            *(
                (
                    row.name,
                    str(row.grade),
                    f"{row.first:,}" if row.first else "-",
                    str(len(row.buckets)),
                    str(len(row.bugs)),
                    ", ".join(row.oracles),
                    ", ".join(row.bugs),
                )
                for row in rows
            ),
        ]
    )
