"""`sysfuzz triage`: what all its verbs have in common."""

from pathlib import Path

import pytest
from commandline import assert_refused, run
from recorded import LOCK, MERGED, PANIC, three

VERBS = {
    "list": (),
    "show": (MERGED,),
    "explain": (MERGED,),
    "set": (MERGED, "confirmed"),
    "verify": (),
}


@pytest.fixture(autouse=True)
def _findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds three findings where it runs."""
    monkeypatch.chdir(tmp_path)
    three()


def test_no_subcommand_shows_help() -> None:
    """`sysfuzz triage` names what it can do."""
    result = run("triage")
    assert result.exit_code == 2
    assert all(f"\n  {verb} " in result.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_missing_directory(verb: str) -> None:
    """A misspelt directory is no proof of being clean, and is not made."""
    message = "finds: no such directory; 'sysfuzz fuzz --findings finds' makes it"
    assert_refused(run("triage", verb, *VERBS[verb], "--findings", "finds"), message)
    assert not Path("finds").exists()


@pytest.mark.parametrize("verb", ["show", "explain", "set", "verify"])
@pytest.mark.parametrize(
    "identity", ["nosyscalls--lock--int81", "../findings/nosyscalls--lock--int80", "engine-faults"]
)
def test_unknown_id(verb: str, identity: str) -> None:
    """An id that is none, or leads elsewhere, is told in one line with those that there are, and the closest."""
    Path("findings/engine-faults").mkdir()
    result = run("triage", verb, identity, *VERBS[verb][1:])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"findings: unknown finding '{identity}'")
    assert result.stderr.count("\n") == 1
    assert ("did you mean nosyscalls--lock--int80?" in result.stderr) is (identity != "engine-faults")
    assert result.stderr.endswith(f"; supported: {LOCK}, {MERGED}, {PANIC}\n")


@pytest.mark.parametrize("verb", ["show", "explain", "set", "verify"])
def test_a_damaged_finding(verb: str) -> None:
    """What cannot be read is named with the place and left as it is."""
    path = Path(f"findings/{MERGED}/finding.json")
    path.write_text('{"schema": 1}')
    result = run("triage", verb, MERGED, *VERBS[verb][1:])
    assert (result.exit_code, result.stderr) == (2, f"{path}: evidence: is missing\n")
    assert path.read_text() == '{"schema": 1}'


@pytest.mark.parametrize("verb", ["list", "show", "explain", "verify"])
def test_a_bad_ignore_list(verb: str) -> None:
    """What cannot be read is named with its line, whoever uses the list; a list that is named must be there."""
    Path("findings/ignore.txt").write_text("# ours\n*  lock/*\n")
    form = "expected TARGET BUCKET  # REASON, with two spaces before the #, got '*  lock/*'"
    assert_refused(run("triage", verb, *VERBS[verb]), f"findings/ignore.txt:2: {form}")
    result = run("triage", verb, *VERBS[verb], "--ignore", "nothing.txt")
    assert_refused(result, "nothing.txt: cannot read: No such file or directory")
