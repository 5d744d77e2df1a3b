"""`sysfuzz corpus distil`: the programs of a corpus that are enough to show all that the corpus shows."""

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
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

    Programs are the files *.prog in DIR and below it. Comments and expectations are no feature: golden programs belong elsewhere. Nothing is
    removed before all features are known to be kept; of a link and a file that show the same the file is kept.

    \b
    --json writes {"target", "inputs": {"before", "after"}, "bytes": {"before", "after"}, "features": {DOMAIN: {"before", "after"}}}
    where bytes are those of the engine's form.
    """
    check_writable(json_file)
    open_target(Named(target, "--target"))
    if not directory.is_dir():
        raise BadInput(f"{directory}: {'Not a directory' if directory.exists() else 'No such file or directory'}")
    if output is not None:
        _prepare(output, directory)
    with _alone(directory) if output is None else nullcontext():
        # Of two that show the same the first is kept: never a link, since what it leads to would go.
        files = sorted(programs_below(directory), key=Path.is_symlink)
        if not files:
            raise BadInput(f"{directory}: no *.prog file in this directory")
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
            _write(output, (program_text(decode(inputs[position])) for position in kept))
        else:
            with bad_input():
                for position in sorted(set(range(len(files))) - set(kept)):
                    files[position].unlink(missing_ok=True)
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


def _prepare(output: Path, directory: Path) -> None:
    """Make the directory; what lies in it already would be taken for a part of the result, and what lies in DIR for a part of that."""
    with bad_input():
        if output.resolve().is_relative_to(directory.resolve()):
            raise BadInput(
                f"-o: {output}: lies in {directory}, which is to stay as it is; supported: a directory outside"
            )
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise BadInput(f"{output}: not empty; supported: a new directory, or an empty one")
    try:
        tempfile.TemporaryFile(dir=output).close()
    except OSError as error:
        raise BadInput(f"{output}: cannot write into it: {error.strerror}") from error


def _write(output: Path, texts: Iterable[str]) -> None:
    """Write all of the programs, or none."""
    written = []
    try:
        for text in texts:
            written.append(output / file_name(text))
            replace_text(written[-1], text)
    except BaseException:  # Ctrl-C among them
        for path in written:
            path.unlink(missing_ok=True)
        raise


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Be the only one that removes programs from this directory: two with different targets would leave neither's. Raises BadInput."""
    with bad_input():
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"{directory}: another 'sysfuzz corpus distil' is at work on it") from None
        yield
    finally:
        os.close(descriptor)
