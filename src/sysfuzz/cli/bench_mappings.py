"""`sysfuzz bench mappings`: how the cost of an op grows with the number of mappings."""

import tempfile
from importlib.util import find_spec
from pathlib import Path

import click

from sysfuzz.bench import mappings
from sysfuzz.bench.mappings import Growth
from sysfuzz.bench.mappings_plot import draw
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import CLEAN, BadInput
from sysfuzz.cli.inputs import GivenPath
from sysfuzz.cli.output import check_writable, json_option, replace_text, say, write_json
from sysfuzz.findings.provenance import installed_versions

_NEEDED = ("matplotlib", "scipy")


@click.command("mappings", short_help="Cost of an op against the number of mappings.")
@click.option(
    "--most",
    type=click.IntRange(100, 100_000),
    default=10_000,
    show_default=True,
    metavar="N",
    help="Entries in the largest map.",
)
@click.option("-o", "output", metavar="FILE.svg", type=GivenPath(), help="Draw the figures into this file.")
@json_option
def command(most: int, output: Path | None, json_file: str | None) -> int:
    """Time the core's ops with 1, 3, 10, 30 and so on up to N entries in one process's map.

    A row: microseconds of processor time an op, the median at random places, by number of entries; then the best fit of
    c + d * log2(entries) + e * entries, and how the op grows. It is linear if the last term is most of its cost with N entries.

    \b
    --json writes {"entries": [number], "ops": [{"op", "us": [microseconds by number of entries], "growth": "logarithmic" or "linear",
      "fit_us": {"constant", "log2", "entry"}, "linear_share": of the cost with N entries}], "versions": {package: version}}
    """
    check_writable(json_file)
    if output is not None:
        _check_writable(output)
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise BadInput(f"{', '.join(missing)}: not installed; supported: pip install 'sysfuzz[bench]'")
    counts = mappings.sizes(most)
    rows = mappings.measure(most)
    head = ("us an op, by entries", *(f"{count:,}" for count in counts), "c", "d", "e", "growth")
    table = [
        (
            row.name,
            *(f"{cost:,.1f}" for cost in row.costs),
            f"{row.constant:.1f}",
            f"{row.logarithmic:.2f}",
            f"{row.linear:.4f}",
            row.kind,
        )
        for row in rows
    ]
    for line in columns([head, *table]):
        say(line, json_file)
    linear = sum(row.kind == "linear" for row in rows)
    say(
        f"up to {most:,} entries: {counted(len(rows), 'op')}, {len(rows) - linear} logarithmic, {linear} linear",
        json_file,
    )
    if output is not None:
        replace_text(output, draw(counts, rows))
    write_json(json_file, {"entries": counts, "ops": [_record(row) for row in rows], "versions": installed_versions()})
    return CLEAN


def _check_writable(output: Path) -> None:
    """Find out before the measuring that the picture could not be written."""
    if output.is_dir():
        raise BadInput(f"-o: {output}: Is a directory")
    if output.exists() and not output.is_file():
        return  # a device or a pipe
    try:
        tempfile.TemporaryFile(dir=output.resolve().parent).close()
    except OSError as error:
        raise BadInput(f"-o: {output}: {error.strerror}") from error


def _record(row: Growth) -> dict[str, object]:
    fit = {"constant": row.constant, "log2": row.logarithmic, "entry": row.linear}
    return {
        "op": row.name,
        "us": [round(cost, 3) for cost in row.costs],
        "growth": row.kind,
        "fit_us": {term: round(value, 6) for term, value in fit.items()},
        "linear_share": round(row.share, 4),
    }
