"""What the pages about CI have people copy: whole YAML, a whole unit, and commands that exist."""

import configparser
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sysfuzz.cli.main import cli

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "ci.md"
UNIT = DOCS / "systemd" / "sysfuzz@.service"


def blocks(language: str) -> list[str]:
    """The fenced blocks of the page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def commands(text: str) -> Iterator[list[str]]:
    """The commands of sysfuzz in shell text, in words; a line may go on behind a backslash."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["sysfuzz"]:
            yield words[1:]


def parse(words: list[str]) -> list[str]:
    """Let click read a command as if it were to be run; the names of its verbs. Raises click's errors."""
    command: click.Command = cli
    context = click.Context(cli)
    names = []
    while isinstance(command, click.Group):
        name, words = words[0], words[1:]
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
        names.append(name)
    command.make_context(names[-1], list(words), parent=context)
    return names


def scripts() -> list[str]:
    """The shell text of both CI systems' examples."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    github, gitlab = map(yaml.safe_load, blocks("yaml"))
    steps = github["jobs"]["sysfuzz"]["steps"]
    return [*(step["run"] for step in steps if "run" in step), *gitlab["sysfuzz"]["script"]]


def unit() -> configparser.ConfigParser:
    """The systemd unit; its syntax is that of configparser as long as no key comes twice."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys are case-sensitive
    assert parser.read(UNIT)
    return parser


def test_examples_run_ci_and_upload_what_it_writes() -> None:
    """Each example has one `sysfuzz ci` with a base, and the files that it writes are those that are uploaded."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    runs = [words for script in scripts() for words in commands(script)]
    assert [parse(words) for words in runs] == [["ci"], ["ci"]]
    for words in runs:
        assert words[words.index("--base") + 1].startswith("$")
    github, gitlab = map(yaml.safe_load, blocks("yaml"))
    steps = {
        step["uses"].partition("@")[0]: step.get("with", {})
        for step in github["jobs"]["sysfuzz"]["steps"]
        if "uses" in step
    }
    sarif, junit = ({words[words.index(option) + 1] for words in runs} for option in ("--sarif", "--junit"))
    assert sarif == {steps["github/codeql-action/upload-sarif"]["sarif_file"]}
    assert sarif <= set(gitlab["sysfuzz"]["artifacts"]["paths"])
    assert junit == {gitlab["sysfuzz"]["artifacts"]["reports"]["junit"]}
    assert junit <= set(steps["actions/upload-artifact"]["path"].splitlines())
    assert steps["actions/checkout"]["fetch-depth"] == 0
    assert gitlab["sysfuzz"]["variables"]["GIT_DEPTH"] == "0"


def test_commands_of_the_page_exist() -> None:
    """Every verb and option in the shell blocks is one that click knows."""
    found = [parse(words) for block in blocks("sh") for words in commands(block)]
    assert ["campaign", "status"] in found


def test_the_usage_names_every_option() -> None:
    """The usage at the top has the options of `sysfuzz ci`, all of them, and no other."""
    usage = re.findall(r"(?<![\w-])--?[a-z]+", blocks("")[0])
    command = cli.get_command(click.Context(cli), "ci")
    assert command is not None
    options = [param.opts[0] for param in command.params if isinstance(param, click.Option)]
    assert set(usage) == set(options)


def test_the_unit_runs_a_campaign() -> None:
    """What the service starts is a command that exists, for ever, and with the options of the example in its opening lines."""
    service = unit()["Service"]
    example = re.search(r"OPTIONS=(.*)", UNIT.read_text())
    assert example
    program, *words = service["ExecStart"].replace("%i", "nosyscalls").replace("$OPTIONS", example[1]).split()
    assert Path(program).name == "sysfuzz"
    assert parse(words) == ["campaign", "run"]
    assert "--forever" in words
    assert service["SuccessExitStatus"] == "1"  # findings are no failure
    assert (service["Restart"], service["KillMode"]) == ("on-failure", "mixed")
    assert "MemoryDenyWriteExecute" not in service


def test_what_the_page_stops_stays_ended() -> None:
    """A run that had an engine fault ends with 3, which the unit takes for a failure, so that only systemd itself can keep it ended."""
    (text,) = (block for block in blocks("sh") if "stop" in block)
    assert "3" not in unit()["Service"]["SuccessExitStatus"].split()
    (words,) = (line.split() for line in text.splitlines() if "stop" in line)
    assert words == ["systemctl", "stop", UNIT.name.replace("@.service", "@nosyscalls")]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """systemd itself has nothing to say about it, once the program is there."""
    program = unit()["Service"]["ExecStart"].split()[0]
    copy = tmp_path / "sysfuzz@x.service"
    copy.write_text(UNIT.read_text().replace(program, "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert [line for line in done.stderr.splitlines() if "sysfuzz@x" in line] == []
