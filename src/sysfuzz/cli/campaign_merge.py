"""`sysfuzz campaign merge`: give a campaign the programs of others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click

from sysfuzz.campaign.core import Changed
from sysfuzz.campaign.durable import Damaged
from sysfuzz.campaign.events import Event
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import Held
from sysfuzz.campaign.merge import Given, Rerun, merging
from sysfuzz.campaign.opening import Refused, load_campaign
from sysfuzz.cli.campaign_words import told
from sysfuzz.cli.columns import counted
from sysfuzz.cli.errors import CLEAN, ENGINE_FAULT, BadInput, bad_input, describe, engine_fault
from sysfuzz.cli.inputs import GivenPath, Named, open_target, program_files
from sysfuzz.cli.output import check_writable, json_option, say, write_json
from sysfuzz.engine.process import EngineError
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.store import Store
from sysfuzz.program.source import Source
from sysfuzz.program.text import TextError, load

_TOLD = ("surveying", "fault")  # of the log's events; what was given is told with more words


class _From(NamedTuple):
    """What lies in a source: programs, and those of findings; and a line for each that cannot be read."""

    name: str
    programs: list[Source]
    findings: list[Source]
    unreadable: list[str]


@click.command("merge", short_help="Give it the programs of other campaigns and corpora.")
@click.argument("directory", metavar="DIR", type=GivenPath())
@click.argument("sources", metavar="FROM...", nargs=-1, required=True, type=GivenPath())
@json_option
def command(directory: Path, sources: tuple[Path, ...], json_file: str | None) -> int:
    """Give the campaign in DIR the programs of FROM: campaigns, directories of *.prog files, and such files. Nothing of FROM is changed; not
    while DIR runs.

    Of the programs a small choice that shows all that DIR has not seen is kept. The programs of a campaign's findings are also run on DIR's
    target: a bug that one shows there in ten of ten replays becomes a finding of DIR, or is counted as one more sighting of it. What people have
    said of it in FROM, its count, and its notes stay there.

    A program that cannot be read is told, and the others are given; exit code 2, and nothing is done, if a FROM has none that can. Exit code 3
    if the engine had a fault.

    \b
    --json writes {"sources": [{"source", "read", "there", "idle", "kept", "gained": {DOMAIN: N},
      "findings": {"run", "shown", "new"}, "unreadable"}], "programs", "features": {DOMAIN: N}, "engine_faults"}
    where unreadable is a list of lines, and programs and features are those of DIR afterwards.
    """
    check_writable(json_file)
    layout = Layout(directory)
    with bad_input(Refused, Damaged):
        target = open_target(Named(load_campaign(layout).target, str(layout.campaign)))
    read = [_read(source, directory) for source in sources]
    for line in (line for one in read for line in one.unreadable):
        say(f"not read: {line}", json_file)

    def hear(event: Event) -> None:
        if event["event"] in _TOLD:
            for line in told(event):
                say(line, json_file)

    rows: list[tuple[_From, Given, Rerun]] = []
    try:
        with bad_input(Held, Refused, Damaged, StoreError), merging(layout, lambda: datetime.now(UTC), hear) as merge:
            for one in read:
                row = one, merge.give([*one.programs, *one.findings]), merge.rerun(target, one.findings)
                rows.append(row)
                for line in _lines(*row):
                    say(line, json_file)
    except Changed:
        raise BadInput(
            f"{directory}: sysfuzz or the core has changed meanwhile; run it again to give the rest"
        ) from None
    except EngineError as error:
        raise engine_fault(error) from error
    if len(rows) > 1:
        say(f"all: {_words(_sum(given for _, given, _ in rows))}", json_file)
    faults = merge.faults + sum(len(rerun.faults) for _, _, rerun in rows)
    say(
        f"{directory}: {counted(merge.programs, 'program')}, {_domains(merge.features)}, {counted(faults, 'engine fault')}",
        json_file,
    )
    write_json(
        json_file,
        {
            "sources": [_record(*row) for row in rows],
            "programs": merge.programs,
            "features": merge.features,
            "engine_faults": faults,
        },
    )
    return ENGINE_FAULT if faults else CLEAN


def _read(source: Path, directory: Path) -> _From:
    """All that can be read in a source. Raises BadInput if nothing can."""
    if source.resolve() == directory.resolve():
        raise BadInput(
            f"{source}: is the campaign itself; supported: another one, a directory of *.prog files, or such a file"
        )
    layout = Layout(source)
    unreadable: list[str] = []
    if not layout.campaign.exists():
        files, finding_files = program_files([source]), []
    else:
        files = [layout.program(shard, name) for shard in layout.shard_names() for name in layout.program_names(shard)]
        with bad_input(StoreError):
            listing = Store(layout.findings).entries()
        finding_files = [entry.program for entry in listing.entries]
        unreadable += listing.damaged
    programs, findings = list(_loaded(files, unreadable)), list(_loaded(finding_files, unreadable))
    if not programs and not findings:
        more = f" (and {len(unreadable) - 1:,} more)" if len(unreadable) > 1 else ""
        raise BadInput(f"{unreadable[0]}{more}" if unreadable else f"{source}: the campaign has no programs yet")
    return _From(str(source), programs, findings, unreadable)


def _loaded(files: Sequence[Path], unreadable: list[str]) -> Iterator[Source]:
    for file in files:
        try:
            yield load(file)
        except OSError as error:
            unreadable.append(describe(error))
        except TextError as error:
            unreadable.append(str(error))


def _lines(one: _From, given: Given, rerun: Rerun) -> Iterator[str]:
    unreadable = f", {len(one.unreadable):,} that cannot be read" if one.unreadable else ""
    yield f"{one.name}: {_words(given)}{unreadable}"
    if rerun.run:
        yield (
            f"{one.name}: {counted(rerun.run, 'finding')} run, {rerun.shown:,} show a bug on this target, "
            f"{counted(rerun.new, 'new finding')}"
        )
    yield from (f"engine fault: {fault}" for fault in rerun.faults)


def _words(given: Given) -> str:
    kept = f"{given.kept:,} kept" + (f" with {_domains(given.gained)}" if given.kept else "")
    return (
        f"{counted(given.read, 'program')} read, {given.there:,} already there, {given.idle:,} show nothing new, {kept}"
    )


def _domains(features: Mapping[str, int]) -> str:
    """`12 features: 5 calls, 7 code`."""
    by_domain = ", ".join(f"{count:,} {domain}" for domain, count in features.items())
    return f"{counted(sum(features.values()), 'feature')}{': ' if by_domain else ''}{by_domain}"


def _sum(all_given: Iterable[Given]) -> Given:
    found = list(all_given)
    gained: dict[str, int] = {}
    for given in found:
        for domain, count in given.gained.items():
            gained[domain] = gained.get(domain, 0) + count
    return Given(
        read=sum(given.read for given in found),
        there=sum(given.there for given in found),
        idle=sum(given.idle for given in found),
        kept=sum(given.kept for given in found),
        gained=dict(sorted(gained.items())),
    )


def _record(one: _From, given: Given, rerun: Rerun) -> dict[str, object]:
    findings = {"run": rerun.run, "shown": rerun.shown, "new": rerun.new}
    return {"source": one.name, **given._asdict(), "findings": findings, "unreadable": one.unreadable}
