"""`sysfuzz triage verify`: replay findings and tell those that no longer behave as their status says."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import click

from sysfuzz.cli import render
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import BAD_INPUT, CLEAN, ENGINE_FAULT, FOUND, BadInput, EngineFault, bad_input
from sysfuzz.cli.output import check_writable, json_option, say, write_json
from sysfuzz.cli.triage_replay import REPLAYS, Change, Replayed, Replayer, change, original, settled
from sysfuzz.cli.triage_store import findings_option, ignore_option, ignored_by, load_entry, open_store
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.store import Entry, Listing, Store
from sysfuzz.program.lexer import unknown


class _Verified(NamedTuple):
    """A finding, what its replays showed, and what that means."""

    entry: Entry
    replayed: Replayed
    settled: str
    change: Change


@click.command("verify", short_help="Replay findings, and tell which have changed.")
@click.argument("identities", metavar="[ID]...", nargs=-1)
@findings_option
@click.option("--target", "targets", multiple=True, metavar="T", help="Only findings of these; can be repeated.")
@ignore_option
@json_option
def command(
    identities: tuple[str, ...],
    directory: Path,
    targets: tuple[str, ...],
    ignore_file: Path | None,
    json_file: str | None,
) -> int:
    """Replay findings, all or those named, and tell which have changed.

    A new or confirmed one has changed if it does not show its bug any more, or only a milder face of it; a fixed one if
    it does. A duplicate is held
    to the status of what it duplicates. Those that are rejected or ignored are replayed and told, but never count as
    changed. An entry of the ignore list that matches no finding is told as well.

    Exit code 2 if a file or a target cannot be used, else 3 if replays of one program differ, else 1 if a finding has
    changed; all others are replayed and told in any case.

    \b
    --json writes {"findings": [{"id", "bucket", "target", "status", "shown", "replays", "others", "change"}],
                   "idle", "unusable", "engine_faults"}
    where shown is the number of replays that showed the bucket, others are further buckets that the program shows, change
    is "gone", "back", "milder", "as said" or "settled", and the last three are lists of lines.
    """
    check_writable(json_file)
    store = open_store(directory)
    ignored = ignored_by(directory, ignore_file)
    with bad_input(StoreError):
        listing = store.entries()
    known = {entry.id: entry for entry in listing.entries}
    entries, damaged = _chosen(store, listing, identities, targets)
    replayer = Replayer()
    verified: list[_Verified] = []
    unusable, faults = list(damaged), list[str]()
    for entry in entries:
        try:
            replayed = replayer.replay(entry)
        except BadInput as error:
            unusable.append(error.message)
        except EngineFault as error:
            faults.append(error.message)
        else:
            said = original(entry, known, ignored)
            verified.append(_Verified(entry, replayed, settled(said, ignored), change(said, replayed, ignored)))
    idle = ignored.idle(entry.finding for entry in listing.entries)
    for line in (*columns(map(_row, filter(_is_told, verified))), *idle, _sum(verified)):
        say(line, json_file)
    record = {"findings": list(map(_record, verified)), "idle": idle, "unusable": unusable, "engine_faults": faults}
    write_json(json_file, record)
    for message in (*unusable, *faults):
        click.echo(message, err=True)
    if unusable:
        return BAD_INPUT
    if faults:
        return ENGINE_FAULT
    return FOUND if any(one.change in ("gone", "back", "milder") for one in verified) else CLEAN


def _chosen(store: Store, listing: Listing, identities: Iterable[str], targets: tuple[str, ...]) -> Listing:
    """The findings to replay, and those among them that cannot be read."""
    if identities:
        entries, damaged = [], []
        for identity in dict.fromkeys(identities):
            try:
                entries.append(load_entry(store, identity))
            except BadInput as error:
                if identity not in store.ids():
                    raise
                damaged.append(error.message)
        listing = Listing(tuple(entries), tuple(damaged))
    present = sorted({entry.finding.target for entry in listing.entries})
    for target in targets:
        if target not in present:  # a misspelt target is no proof of being clean
            raise BadInput(f"--target: {unknown('target of a finding', target, present)}")
    if targets:
        return Listing(tuple(entry for entry in listing.entries if entry.finding.target in targets), listing.damaged)
    return listing


def _is_told(one: _Verified) -> bool:
    return one.change != "as said"


def _row(one: _Verified) -> tuple[str, ...]:
    finding, others = one.entry.finding, ", ".join(one.replayed.others)
    if one.replayed.shown:
        what = "shows its bug again" if one.change == "back" else "still shows its bug"
        what += f", with a milder face: {one.replayed.milder}" if one.change == "milder" else ""
    else:
        what = "does not show its bug any more" + (f"; it shows {others}" if others else "")
    return render.coloured(finding.severity), one.settled or finding.status, one.entry.id, what


def _sum(verified: list[_Verified]) -> str:
    """`7 findings replayed: 1 gone, 6 as said`."""
    counts = {
        name: sum(one.change == name for one in verified) for name in ("gone", "back", "milder", "as said", "settled")
    }
    parts = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    return f"{counted(len(verified), 'finding')} replayed{': ' if parts else ''}{parts}"


def _record(one: _Verified) -> dict[str, object]:
    return {
        "id": one.entry.id,
        "bucket": one.entry.finding.bucket,
        "target": one.entry.finding.target,
        "status": one.entry.finding.status,
        "shown": REPLAYS if one.replayed.shown else 0,
        "replays": REPLAYS,
        "others": list(one.replayed.others),
        "change": one.change,
    }
