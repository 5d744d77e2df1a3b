"""The story of the README, from a bug to a regression test, as a script: what people copy is what is run here."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADING = "From a bug to a regression test"

_EXIT = re.compile(r"\s+# exit code (\d)\b.*")


def block(text: str) -> list[str]:
    """The lines of the first fenced `sh` block under the heading."""
    _, found, section = text.partition(f"\n## {HEADING}\n")
    assert found, f"no heading '## {HEADING}'"
    match = re.search(r"^```sh\n(.*?)^```$", section.partition("\n## ")[0], re.DOTALL | re.MULTILINE)
    assert match, f"no sh block under '## {HEADING}'"
    return match[1].splitlines()


def script(lines: list[str]) -> str:
    """The lines as one script that stops where a command does not end with its exit code: what `# exit code N` says, else 0."""
    made = []
    for line in lines:
        code = _EXIT.search(line)
        command = _EXIT.sub("", line)
        if command and not command.startswith("#"):
            expected = code[1] if code else "0"
            made.append(f"{command}; status=$?")
            made.append(
                f'[ $status -eq {expected} ] || {{ echo "exit code $status: "{_quoted(command)} >&2; exit 99; }}'
            )
    return "\n".join(made)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def tell(lines: list[str], directory: Path) -> "subprocess.CompletedProcess[str]":
    """Run a story in `directory`, with the commands of this environment on PATH."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.run(
        ["sh", "-u"],
        input=script(lines),
        cwd=directory,
        env=os.environ | {"PATH": path, "PYTEST_ADDOPTS": "-p no:cacheprovider"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_story_holds(tmp_path: Path) -> None:
    """Every command ends as the README says, the verbs of the story are all in it, and it leaves a test that people can commit."""
    lines = block((ROOT / "README.md").read_text(encoding="utf-8"))
    verbs = ["sysfuzz fuzz", "sysfuzz triage list", "sysfuzz minimise", "sysfuzz regress", "pytest"]
    assert [verb for verb in verbs if any(line.startswith(verb) for line in lines)] == verbs
    done = tell(lines, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.glob("tests/*.prog"))
    assert " 1 failed" in done.stdout  # on the target with the bug
    assert " 1 passed" in done.stdout.splitlines()[-1]  # on the reference


def test_a_story_that_does_not_hold_is_told(tmp_path: Path) -> None:
    """A command that ends otherwise than it is said to stops the script and is named; what is said is what `# exit code N` says."""
    assert tell(["true", "false  # exit code 1: as it should", "", "# a word"], tmp_path).returncode == 0
    for lines in (["false", "touch on"], ["true  # exit code 1", "touch on"], ["nosuch 'it''s'", "touch on"]):
        done = tell(lines, tmp_path)
        assert done.returncode == 99
        assert "exit code " in done.stderr
    assert list(tmp_path.iterdir()) == []
