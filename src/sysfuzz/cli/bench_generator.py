"""`sysfuzz bench generator`: what the ops of generated programs answer, and where their entries lie."""

from collections import Counter
from collections.abc import Iterator, Mapping

import click

from sysfuzz.bench import generator as measuring
from sysfuzz.bench.generator import AWAY, ERRNOS, SUCCESS, Quality, Stream
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import CLEAN
from sysfuzz.cli.options import runs_option, seed_option
from sysfuzz.cli.output import check_writable, json_option, say, write_json
from sysfuzz.findings.provenance import installed_versions
from sysfuzz.generate.idioms import IDIOMS


@click.command("generator", short_help="Measure the generator's programs.")
@runs_option(5000, "Fresh programs, and a mutant of each.")
@seed_option
@json_option
def command(runs: int, seed: int, json_file: str | None) -> int:
    """What generated programs do on the reference: most ops should succeed, and the others fail in every way there is.

    Tables: results by call, in fresh programs and in mutants of them; calls that code made; how runs end and what became of their entries;
    entries by the distance of their first opcode byte from the nearest end of a region; idioms. What a call may answer and no fresh program
    saw is named at the end. An accident is a failed op in a fresh program without an idiom that is about refusals.

    \b
    --json writes {"runs", "seed", "streams": {"fresh" | "mutants": {"ops", "runs", "results": {call: {result: count}},
      "by_code": {call: {result: count}}, "decisions": {decision: runs}, "ends": {end: runs}, "gates": {gate: entries},
      "distances": [{"sides", "size", "distance", "entries"}], "missing": {call: [errno]}}}, "accidents", "plain_ops",
      "idioms": {idiom: count}, "versions": {package: version}}
    """
    check_writable(json_file)
    quality = measuring.measure(runs, seed)
    streams = {"fresh": quality.fresh, "mutants": quality.mutants}
    for title, rows in (
        ("results of ops", _results(streams)),
        ("calls made by code, fresh programs", _by_code(quality.fresh)),
        ("runs", _runs(streams)),
        ("entries by distance from the nearest end of a region, fresh programs", _distances(quality.fresh)),
        ("idioms", _idioms(quality.idioms)),
    ):
        say(title, json_file)
        for line in columns(list(rows)):
            say(f"  {line}", json_file)
    for name, stream in streams.items():
        for call, errnos in stream.missing.items():
            say(f"NEVER SEEN in {name}: {call} {', '.join(errnos)}", json_file)
    say(_summary(quality, runs, seed), json_file)
    write_json(
        json_file,
        {
            "runs": runs,
            "seed": seed,
            "streams": {name: _record(stream) for name, stream in streams.items()},
            "accidents": quality.accidents,
            "plain_ops": quality.plain_ops,
            "idioms": dict(quality.idioms),
            "versions": installed_versions(),
        },
    )
    return CLEAN


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _summary(quality: Quality, runs: int, seed: int) -> str:
    fresh, mutants = quality.fresh, quality.mutants
    return (
        f"{counted(runs, 'fresh program')}, seed {seed}: {fresh.ops / fresh.programs:.1f} ops and "
        f"{fresh.runs / fresh.programs:.1f} runs each; {_share(fresh.all_results[SUCCESS], fresh.all_results.total())} of the ops succeed, "
        f"of the mutants' {_share(mutants.all_results[SUCCESS], mutants.all_results.total())}; "
        f"accidents: {_share(quality.accidents, quality.plain_ops)}"
    )


def _results(streams: Mapping[str, Stream]) -> Iterator[tuple[str, ...]]:
    """A row for each call and result: count and share of the call's ops, in each stream."""
    yield "call", "result", *(text for name in streams for text in (name, ""))
    totals = {name: stream.all_results for name, stream in streams.items()}
    calls = {
        call: {name: stream.results[call] for name, stream in streams.items()} for call in streams["fresh"].results
    }
    for call, counts in {**calls, "all": totals}.items():
        seen = {result for counter in counts.values() for result in counter}
        due = (SUCCESS, *(errno for errno in ERRNOS.get(call, ())))
        for result in (*due, *sorted(seen - set(due))):
            yield call, result, *_counts(counts, result)


def _counts(counts: Mapping[str, Counter[str]], result: str) -> Iterator[str]:
    for counter in counts.values():
        yield f"{counter[result]:,}"
        yield _share(counter[result], counter.total())


def _by_code(stream: Stream) -> Iterator[tuple[str, ...]]:
    """A row for each call: how often code made it, and its results."""
    for call, counter in sorted(stream.by_code.items()):
        yield call, f"{counter.total():,}", ", ".join(f"{name} {count:,}" for name, count in sorted(counter.items()))


def _runs(streams: Mapping[str, Stream]) -> Iterator[tuple[str, ...]]:
    """What became of the entries of a run (both is possible), how runs ended, and entries by gate."""
    yield "", "", *(text for name in streams for text in (name, ""))
    for what in ("decisions", "ends", "gates"):
        counts = {name: getattr(stream, what) for name, stream in streams.items()}
        for result in sorted({result for counter in counts.values() for result in counter}):
            if what == "gates":
                yield what, result, *_counts(counts, result)
            else:
                yield (
                    what,
                    result,
                    *(
                        text
                        for name, stream in streams.items()
                        for text in (f"{counts[name][result]:,}", _share(counts[name][result], stream.runs))
                    ),
                )


def _distances(stream: Stream) -> Iterator[tuple[str, ...]]:
    """A row for each distance, a column for each kind of end and number of opcode bytes."""
    kinds = sorted(stream.distances)
    yield "distance", *(f"{side}, {size} bytes" for side, size in kinds)
    distances: list[int | str] = []
    distances += sorted({at for counter in stream.distances.values() for at in counter if isinstance(at, int)})
    for distance in (*distances, AWAY):
        yield f"{distance}", *(f"{stream.distances[kind][distance]:,}" for kind in kinds)


def _idioms(counts: Counter[str]) -> Iterator[tuple[str, ...]]:
    for name in IDIOMS:
        yield name, f"{counts[name]:,}", _share(counts[name], counts.total())


def _record(stream: Stream) -> dict[str, object]:
    return {
        "ops": stream.ops,
        "runs": stream.runs,
        "results": {call: dict(counter) for call, counter in stream.results.items()},
        "by_code": {call: dict(counter) for call, counter in sorted(stream.by_code.items())},
        "decisions": dict(stream.decisions),
        "ends": dict(stream.ends),
        "gates": dict(stream.gates),
        "distances": [
            {"sides": side, "size": size, "distance": distance, "entries": count}
            for (side, size), counter in sorted(stream.distances.items())
            for distance, count in counter.items()
        ],
        "missing": stream.missing,
    }
