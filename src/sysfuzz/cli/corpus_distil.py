"""`sysfuzz corpus distil`: the programs of a corpus that are enough to show all that the corpus shows."""

from pathlib import Path

import click

from sysfuzz.cli.columns import columns
from sysfuzz.cli.corpora import file_name
from sysfuzz.cli.errors import CLEAN, BadInput, EngineFault, bad_input, one_line
from sysfuzz.cli.inputs import REFERENCE, GivenPath, Named, open_target, programs_below, read_program
from sysfuzz.cli.output import check_writable, json_option, replace_text, say, write_json
from sysfuzz.engine.process import EngineError
from sysfuzz.engine.survey import packages_of, survey
from sysfuzz.feedback.distil import distil, union
from sysfuzz.findings.reproducer import program_text
from sysfuzz.program.wire import decode, encode


@click.command("distil", short_help="Make a corpus small that shows as much.")
@click.argument("directory", metavar="DIR", type=GivenPath())
@click.option(
    "-o", "--output", metavar="DIR", type=GivenPath(), help="Leave DIR as it is, and put what is kept here: a new directory, or an empty one."
)  # fmt: skip
@click.option("--target", metavar="T", default=REFERENCE, show_default=True, help="Whose features count.")
@json_option
def command(directory: Path, output: Path | None, target: str, json_file: str | None) -> int:
    """Keep the smallest programs of DIR that together show every feature that all of them show; without -o the others are removed.

    Comments and expectations are no feature: golden programs belong elsewhere. Nothing is removed before all features are known to be kept.

    \b
    --json writes {"target", "inputs": {"before", "after"}, "bytes": {"before", "after"}, "features": {DOMAIN: {"before", "after"}}}
    where bytes are those of the engine's form.
    """
    check_writable(json_file)
    open_target(Named(target, "--target"))
    if not directory.is_dir():
        raise BadInput(f"{directory}: {'Not a directory' if directory.exists() else 'No such file or directory'}")
    files = programs_below(directory)
    if not files:
        raise BadInput(f"{directory}: no *.prog file in this directory")
    if output is not None:
        _prepare(output)
    inputs = [encode(read_program(path).program) for path in files]
    try:
        shown = survey(target, packages_of(target), inputs)
    except EngineError as error:
        raise EngineFault(f"{directory}: {one_line(error)}") from error
    sizes = [len(data) for data in inputs]
    kept = distil(shown, sizes)
    before, after = union(shown), union([shown[position] for position in kept])
    assert before == after, f"distilling has lost features: {before} became {after}"
    if output is not None:
        for position in kept:
            text = program_text(decode(inputs[position]))
            replace_text(output / file_name(text), text)
    else:
        with bad_input():
            for position in sorted(set(range(len(files))) - set(kept)):
                files[position].unlink()
    kept_bytes = sum(sizes[position] for position in kept)
    write_json(
        json_file,
        {
            "target": target,
            "inputs": {"before": len(files), "after": len(kept)},
            "bytes": {"before": sum(sizes), "after": kept_bytes},
            "features": {domain: {"before": before[domain], "after": after[domain]} for domain in before},
        },
    )
    rows = [("inputs", len(files), len(kept)), ("bytes", sum(sizes), kept_bytes)]
    rows += [(f"features: {domain}", count, after[domain]) for domain, count in before.items()]
    for line in columns((name, f"{old:,}", "->", f"{new:,}") for name, old, new in rows):
        say(line, json_file)
    return CLEAN


def _prepare(output: Path) -> None:
    """Make the directory; what lies in it already would be taken for a part of the result."""
    with bad_input():
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise BadInput(f"{output}: not empty; supported: a new directory, or an empty one")
