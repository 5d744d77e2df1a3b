"""`sysfuzz bench report`."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from commandline import ENVIRONMENT

from sysfuzz.cli.bench_report import command
from sysfuzz.cli.errors import BadInput

WRITTEN = ["README.md", "summary.json", "survival-executions.svg", "survival-seconds.svg", "weaknesses.svg"]


def line(engine, seed, found=None):
    """A trial on one weakness with a budget of 1,000 executions or 10 s."""
    end = found or 1000
    mark = [end, end / 100] if found else None
    return json.dumps({
        "weakness": "merge_ignores", "engine": engine, "seed": seed, "budget": {"executions": 1000, "seconds": 10},
        "executions": end, "seconds": end / 100, "reached": [1, 0.01], "triggered": mark, "detected": mark,
        "bucket": "attribute/merge" if found else None, "versions": {"sysfuzz": "1.0"},
    })  # fmt: skip


@pytest.fixture
def trials(tmp_path):
    path = tmp_path / "trials.jsonl"
    lines = [line("full", 1, 10), line("full", 2), line("uniform", 1, 500), line("uniform", 2)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(*arguments):
    return command.main([str(argument) for argument in arguments], standalone_mode=False)


def written(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_all_files_are_written_and_the_same_each_time(trials, tmp_path, capsys):
    """Into a directory that is made; another process, which hashes otherwise, gives the same bytes."""
    assert run(trials, "-o", tmp_path / "a" / "b") == 0
    assert capsys.readouterr().out == f"4 trials, 2 engines: {tmp_path}/a/b/README.md\n"
    here = written(tmp_path / "a" / "b")
    assert sorted(here) == WRITTEN
    code = "import sys; from sysfuzz.cli.bench_report import command; command.main(sys.argv[1:], standalone_mode=False)"
    arguments = [sys.executable, "-c", code, str(trials), "-o", str(tmp_path / "c")]
    subprocess.run(arguments, env=ENVIRONMENT | {"PYTHONHASHSEED": "7"}, check=True, timeout=120, capture_output=True)
    assert written(tmp_path / "c") == here


def test_files_are_compared_together(trials, tmp_path, capsys):
    """What does not fit together is told on standard error, too."""
    (tmp_path / "more.jsonl").write_text(line("afl", 1, 30), encoding="utf-8")
    assert run(trials, tmp_path / "more.jsonl", "-o", tmp_path) == 0
    said = capsys.readouterr()
    assert said.err == "mind: afl has run 1 of 2 pairs of weakness and seed.\n"
    assert said.out.startswith("5 trials, 3 engines: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line("full", 1) + "\n{\n", "{file}:2: no JSON: Expecting property name enclosed in double quotes"),
        (line("uniform", 1), "{file}: no trial of engine 'full', which all others are compared with"),
        ("", "{file}: no trial of engine 'full', which all others are compared with"),
    ],
)
def test_bad_records_are_refused_and_nothing_is_written(tmp_path, text, message):
    """One located line."""
    file = tmp_path / "bad.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as raised:
        run(file, "-o", tmp_path / "out")
    assert raised.value.message == message.format(file=file)
    assert not (tmp_path / "out").exists()


def test_a_page_of_somebody_else_stays(trials, tmp_path):
    """A README.md that no earlier report has written, as that of a project, is not replaced; nothing is written."""
    page = tmp_path / "README.md"
    page.write_text("# My project\n", encoding="utf-8")
    with pytest.raises(BadInput, match=f"^{page}: is no page of 'sysfuzz bench report'; supported "):
        run(trials, "-o", tmp_path)
    assert page.read_text(encoding="utf-8") == "# My project\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "trials.jsonl"]


def test_a_file_in_the_directorys_place_is_bad_input(trials):
    """It is named."""
    with pytest.raises(BadInput, match=f"{trials}: File exists"):
        run(trials, "-o", trials)


def test_without_the_extra_it_says_what_to_install(trials, tmp_path, monkeypatch):
    """In one line, before anything is read."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "lifelines" else found(name))
    with pytest.raises(BadInput) as raised:
        run(trials, "-o", tmp_path / "out")
    assert (
        raised.value.message == "sysfuzz bench report: lifelines not installed: python -m pip install 'sysfuzz[bench]'"
    )


def test_other_verbs_do_not_wait_for_its_libraries():
    """To import the verb imports none of them."""
    code = "import sys, sysfuzz.cli.bench_report; print([name for name in ('lifelines', 'matplotlib', 'scipy') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | ENVIRONMENT,
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[]\n"
