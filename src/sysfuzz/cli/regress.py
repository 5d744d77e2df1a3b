"""`sysfuzz regress`: a finding as a golden program, for the tests of whoever mends the bug."""

import shlex
from pathlib import Path

import click

from sysfuzz.cli.errors import CLEAN, BadInput
from sysfuzz.cli.inputs import REFERENCE, GivenPath, Named, open_target, read_program
from sysfuzz.cli.output import STDOUT, replace_text
from sysfuzz.cli.running import located
from sysfuzz.cli.triage_store import findings_option, load_entry, open_store
from sysfuzz.findings.regression import Unstatable, regression
from sysfuzz.findings.store import FINDING


@click.command("regress")
@click.argument("identity", metavar="ID")
@click.option("-o", "output", metavar="FILE", type=GivenPath(), help="Where to write. Default: standard output.")
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@findings_option
def command(identity: str, output: Path | None, force: bool, directory: Path) -> int:
    """Write a golden program that states the right behaviour: it fails on the finding's target and passes on the reference.

    It names its target in '# found on: T', so that 'sysfuzz check' and pytest run it on the target that they are
    told, or on the reference. A finding that shows neither in results nor in events cannot be stated (exit code 2);
    one that shows in the map alone gets ops that make it visible.
    """
    if output is not None and str(output) == STDOUT:
        output = None
    if output is not None:
        _check_free(output, force)
    entry = load_entry(open_store(directory), identity)
    finding = entry.finding
    source = read_program(entry.program)
    target = open_target(Named(finding.target, str(entry.directory / FINDING)))
    reference = open_target(Named(REFERENCE, "--target"))
    name = f"{identity}.prog" if output is None else output.name
    text = why_not = ""
    with located(target, source):
        try:
            text = regression(source.program, finding.bucket, target, reference, name).text
        except Unstatable as error:
            why_not = str(error)
    if why_not:
        raise BadInput(f"{entry.program}: no regression test: {why_not}")
    if output is None:
        click.echo(text, nl=False)
        return CLEAN
    replace_text(output, text)
    command_line = shlex.join(["sysfuzz", "check", str(output), "--target", finding.target])
    click.echo(f"{output}: passes on {reference.name}, fails on {finding.target}:\n  {command_line}")
    return CLEAN


def _check_free(output: Path, force: bool) -> None:
    """Find out before the work begins that FILE is not to be written."""
    if output.is_dir():
        raise BadInput(f"-o: {output}: Is a directory")
    if not output.parent.is_dir():
        raise BadInput(f"-o: {output.parent}: no such directory")
    if output.is_file() and not force:
        raise BadInput(f"-o: {output}: exists; --force overwrites it")
