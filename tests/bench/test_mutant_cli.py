"""`sysfuzz bench mutants`: what it prints, what it writes, what it refuses."""

import json

import pytest

from sysfuzz.bench.mutants.listing import digest, mutants
from sysfuzz.cli.bench_mutants import command
from sysfuzz.cli.errors import BadInput

RUNS = 100


@pytest.fixture
def out(tmp_path):
    """A file of results that knows all of flags.py: of what is reached one is killed, one survives, and the others hang."""
    everything = mutants("flags.py")
    killed, survivor = [mutant for mutant in everything if mutant.reached][:2]
    common = {"sources": digest(), "seed": 1, "runs": RUNS}
    reached = {"flags.py": [killed.reached, survivor.reached]}
    records = [{**common, "end": "survived", "executions": RUNS, "seconds": 1.0, "reached": reached}]
    records += [{**common, "name": mutant.name, "end": "hang"} for mutant in everything]
    records += [{**common, "name": killed.name, "end": "killed", "oracle": "errno", "bucket": "a/b", "executions": 7}]
    records += [{**common, "name": survivor.name, "end": "survived", "executions": RUNS}]
    path = tmp_path / "results.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return path, survivor


def arguments(tmp_path, path):
    return [
        "--file", "flags.py", "--runs", str(RUNS), "--out", str(path), "--survivors", str(tmp_path / "page.md"),
        "--json", str(tmp_path / "out.json"),
    ]  # fmt: skip


def test_the_command_tells_what_is_known(tmp_path, out, capsys):
    """A row of the file and one of all, then the survivor, until it is argued equivalent; nothing is run for it."""
    path, survivor = out
    (tmp_path / "page.md").write_text("", encoding="utf-8")
    assert command.main(arguments(tmp_path, path), standalone_mode=False) == 1
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    (row,) = written["files"]
    assert (row["file"], row["killed"], row["survived"], row["equivalent"]) == ("flags.py", 1, 1, 0)
    assert row["mutants"] == row["covered"] + len(written["uncovered"]) == len(mutants("flags.py"))
    assert row["covered"] == row["killed"] + row["broken"] + row["survived"]
    assert [(mutant["line"], mutant["after"]) for mutant in written["survivors"]] == [(survivor.line, survivor.after)]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["file", "flags.py", "all"]
    assert f"survived: {survivor.name}" in lines

    (tmp_path / "page.md").write_text(f"## Equivalent\n\n- `{survivor.name}`: because.\n", encoding="utf-8")
    assert command.main(arguments(tmp_path, path), standalone_mode=False) == 0
    assert f"survived: {survivor.name}" not in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--file", "nothing.py"], "nothing.py"),
        (["--out", "{}/bad.jsonl"], "bad.jsonl:1: "),
        (["--out", "{}"], "directory"),
        (["--out", "/dev/zero"], "/dev/zero: no regular file"),
        (["--out", "{}/note"], "note:1: half a line that no run of this command has left"),
        (["--survivors", "{}/bad.md"], "bad.md:1: "),
        (["--survivors", "{}/nosuch.md"], "nosuch.md: "),
    ],
)
def test_bad_input_is_refused(tmp_path, wrong, words):
    """One line that names what is wrong, before anything is run."""
    (tmp_path / "bad.jsonl").write_text("{\n", encoding="utf-8")
    (tmp_path / "note").write_text("mine", encoding="utf-8")
    (tmp_path / "bad.md").write_text("- `a.py:1:1 x: a -> b`\n", encoding="utf-8")
    with pytest.raises(BadInput, match=words) as refused:
        command.main([part.format(tmp_path) for part in wrong], standalone_mode=False)
    assert "\n" not in refused.value.message
    assert (tmp_path / "note").read_text(encoding="utf-8") == "mine"


def test_outside_a_checkout_there_is_no_page(tmp_path, out, capsys, monkeypatch):
    """That is told, and every survivor counts."""
    monkeypatch.chdir(tmp_path)
    assert command.main(["--file", "flags.py", "--runs", str(RUNS), "--out", str(out[0])], standalone_mode=False) == 1
    said = capsys.readouterr()
    assert said.err == "without benchmarks/survivors.md, which a checkout has: no survivor is argued\n"
    assert "1 survivor, 0 of them argued equivalent" in said.out
