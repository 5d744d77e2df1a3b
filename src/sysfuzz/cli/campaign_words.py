"""What a campaign's events are for people: lines, or none."""

from collections.abc import Iterator

import click

from sysfuzz.campaign.events import Event
from sysfuzz.cli.columns import counted
from sysfuzz.cli.render import coloured

_WHAT = {"new": "", "worse": " shows a worse face", "reappeared": " is back, although it is said to be fixed"}
_WHY = {
    "epochs": "its epochs are done",
    "time": "its time is up",
    "stopped": "it was interrupted",
    "asked": "it was asked to",
    "changed": "sysfuzz or the core has changed",
    "broken": "it cannot go on",
}


def told(event: Event) -> Iterator[str]:
    """The lines of an event."""
    teller = _TELLERS.get(event["event"])
    if teller is not None:
        yield from teller(event)


def _started(event: Event) -> Iterator[str]:
    workers = counted(event["workers"], "worker")
    yield f"campaign on {event['target']} with seed {event['seed']}, {workers}, core {event['core']}; Ctrl-C ends the run"
    if event["before"] not in ("", event["core"]):
        yield f"sysfuzz or the core has changed since the last run (core {event['before']}): what the programs show is asked anew"
    yield from event["repaired"]


def _surveying(event: Event) -> Iterator[str]:
    yield f"{counted(event['programs'], 'program')} of {event['of']:,} to be run on this core first"


def _given(event: Event) -> Iterator[str]:
    yield f"{counted(event['programs'], 'program')} given, {event['kept']:,} kept: the others show nothing new"


def _corpus(event: Event) -> Iterator[str]:
    if not event["programs"]:
        return
    features = counted(sum(event["features"].values()), "feature")
    yield f"{counted(event['programs'], 'program')} show {features}; {event['chosen']:,} of them are enough to start from"


def _epoch(event: Event) -> Iterator[str]:
    gained = sum(event["gained"].values())
    found = counted(len(event["programs"]), "new program")
    parts = [
        f"{found} with {counted(gained, 'feature')}",
        counted(event["executions"], "execution"),
        f"{event['seconds']:.1f} s",
    ]
    if event["why"] not in ("runs", "stopped"):
        parts.append(event["why"])
    yield click.style(f"{event['shard']} epoch {event['number']}: {', '.join(parts)}", dim=True)


def _finding(event: Event) -> Iterator[str]:
    bucket = click.style(event["bucket"], bold=True)
    yield f"{coloured(event['severity'])} {bucket} ({event['oracle']}){_WHAT[event['what']]}: {event['finding']}"


def _verified(event: Event) -> Iterator[str]:
    shown, tried, fixed = event["shown"], event["tried"], event["status"] == "fixed"
    if event["status"] in ("rejected", "duplicate"):
        return
    if fixed and shown:
        yield f"regression: {event['finding']} is said to be fixed, and shows its bug in {shown} of {tried} replays"
    elif not fixed and not shown:
        yield f"fixed? {event['finding']} does not show its bug any more"
    elif not fixed and shown < tried:
        yield f"incubating: {event['finding']} shows its bug in {shown} of {tried} replays only"


def _minimised(event: Event) -> Iterator[str]:
    if event["ending"] == "failed":
        yield f"not minimised: {event['finding']}: {event['why']}"
    else:
        before, after = event["ops"]
        yield f"minimised {event['finding']}: {counted(before, 'op')} -> {after:,}, {event['ending']}"


def _told(event: Event) -> Iterator[str]:
    if event["failed"]:
        yield f"the {event['ear']} has not taken {event['finding']}: {event['failed']}"


def _failed(event: Event) -> Iterator[str]:
    yield f"{event['what']} of {event.get('finding') or event.get('shard')} failed: {event['why']}"


def _fault(event: Event) -> Iterator[str]:
    yield f"engine fault: {event['kind']}: {event['where']}"


def _stopped(event: Event) -> Iterator[str]:
    yield f"the run ends: {_WHY[event['why']]}"


_TELLERS = {
    "started": _started,
    "surveying": _surveying,
    "given": _given,
    "corpus": _corpus,
    "epoch": _epoch,
    "finding": _finding,
    "verified": _verified,
    "minimised": _minimised,
    "told": _told,
    "failed": _failed,
    "fault": _fault,
    "stopped": _stopped,
}
