"""What OSS-Fuzz and ClusterFuzzLite expect of a project, as far as that can be seen without Docker.

The rules are those of their documents: "Setting up a new project" and "Integrating a Python project" of OSS-Fuzz, "Build integration" of
ClusterFuzzLite, infra/presubmit.py and infra/base-images/base-runner/bad_build_check of google/oss-fuzz.
"""

import configparser
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sysfuzz.findings.bucket import group
from sysfuzz.oracles import judge
from sysfuzz.program.text import load
from sysfuzz.program.wire import MAX_WIRE, decode, encode
from sysfuzz.targets.table import DESIGNS, get
from sysfuzz.x86.entries import ENTRIES

ROOT = Path(__file__).parent.parent
HARNESSES = sorted((ROOT / "harnesses").glob("fuzz_*.py"))
NAMES = [harness.stem for harness in HARNESSES]
FOLDERS = (".clusterfuzzlite", "harnesses/oss-fuzz")

# What stands in for the tools of base-builder-python: packages are installed already, and a package is a script that starts the harness.
STUBS = {
    "pip3": "#!/bin/sh\nexit 0\n",
    "compile_python_fuzzer": """#!/bin/sh -eu
name=$(basename -s .py "$1")
printf '#!/bin/sh\\nexec "%s" "%s" "$@"\\n' "$PYTHON" "$PWD/$1" >"$OUT/$name.pkg"
echo "$@" >>"$WORK/packaged"
""",
}


def designs_of(name: str) -> str:
    """The design that a harness is named after."""
    return name.removeprefix("fuzz_").replace("_", "-")


def seeds_of(design: str) -> set[bytes]:
    """The programs that its seed corpus must hold, in wire form."""
    homes = [ROOT / "corpora" / "nosyscalls", ROOT / "corpora" / design, ROOT / "tests" / "programs" / design]
    return {encode(load(path).program) for home in homes for path in home.glob("**/*.prog")}


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the build leaves in $OUT, of a copy of the sources in $SRC."""
    home = tmp_path_factory.mktemp("oss-fuzz")
    for name in ("bin", "out", "src", "work"):
        (home / name).mkdir()
    for name, text in STUBS.items():
        (home / "bin" / name).write_text(text)
        (home / "bin" / name).chmod(0o755)
    source = home / "src" / "sysfuzz"
    for part in ("harnesses", "corpora", "tests/programs", ".clusterfuzzlite"):
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("c", "*.pyc"))
    shutil.copy(source / ".clusterfuzzlite" / "build.sh", home / "src")  # as its Dockerfile does
    path = os.pathsep.join([str(home / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-eu", str(home / "src" / "build.sh")],
        cwd=source,
        env=os.environ
        | {
            "PATH": path,
            "PYTHON": sys.executable,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "SRC": str(home / "src"),
            "OUT": str(home / "out"),
            "WORK": str(home / "work"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return home / "out"


def test_each_design_has_a_harness() -> None:
    """A harness is named after a built-in design, and none is without; names have no character that the farms' machines refuse."""
    assert {designs_of(name) for name in NAMES} == set(DESIGNS)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in NAMES)


@pytest.mark.parametrize("harness", HARNESSES, ids=lambda harness: harness.stem)
def test_a_harness_fuzzes_what_its_name_says(harness: Path) -> None:
    """Executable, and its one line of work names the design."""
    assert os.access(harness, os.X_OK)
    assert harness.read_text().splitlines()[-1] == f'main("{designs_of(harness.stem)}")'


@pytest.mark.parametrize("folder", FOLDERS)
def test_build_scripts_are_sound(folder: str) -> None:
    """bash reads them without complaint, they can be started, and stop at the first failure however they are started."""
    script = ROOT / folder / "build.sh"
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/bash -eu\n")
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_build_makes_what_is_looked_for(out: Path) -> None:
    """Beside each target its package, seed corpus, options and dictionary; targets alone are executable, as that is how they are found."""
    endings = ("", ".dict", ".options", ".pkg", "_seed_corpus.zip")
    assert sorted(path.name for path in out.iterdir()) == sorted(name + ending for name in NAMES for ending in endings)
    assert sorted(path.name for path in out.iterdir() if os.access(path, os.X_OK)) == NAMES
    for name in NAMES:
        assert "LLVMFuzzerTestOneInput" in (out / name).read_text()  # by which a script is taken for a target
        assert "LD_PRELOAD" not in (out / name).read_text()


def test_the_packager_is_told_of_the_hook(out: Path) -> None:
    """Each harness is packaged once, with the directory that holds what PyInstaller has to know."""
    packaged = (out.parent / "work" / "packaged").read_text().splitlines()
    hooks = out.parent / "src" / "sysfuzz" / "harnesses" / "oss-fuzz"
    assert (hooks / "hook-sysfuzz.py").is_file()
    assert packaged == [f"harnesses/{name}.py --additional-hooks-dir {hooks}" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_seeds_are_programs(out: Path, name: str) -> None:
    """Each file is the wire form of one program of the corpora, under the SHA-1 of its contents; none is missing."""
    with zipfile.ZipFile(out / f"{name}_seed_corpus.zip") as zipped:
        files = {info.filename: zipped.read(info) for info in zipped.infolist()}
    assert set(files.values()) == seeds_of(designs_of(name))
    assert len(files) >= 30
    for digest, data in files.items():
        assert digest == hashlib.sha1(data).hexdigest()
        assert len(data) <= MAX_WIRE
        assert encode(decode(data)) == data


@pytest.mark.parametrize("design", sorted(DESIGNS))
def test_no_seed_is_a_crash(design: str) -> None:
    """A farm refuses a target with a crashing seed: none may show what its design is neither known for nor documents."""
    target = get(design)
    for data in sorted(seeds_of(design)):
        program = decode(data)
        for bucket in group(judge(program, target.run(program), target.promise)):
            assert DESIGNS[design].weakness(bucket) or target.promise.citation(bucket), bucket


def test_the_dictionary_holds_all_entries() -> None:
    """libFuzzer's form, `name="\\xAB"`, one line for each row of the catalogue of kernel entries."""
    text = (ROOT / "harnesses" / "fuzz.dict").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    rows = [re.fullmatch(r'\w+="((?:\\x[0-9a-f]{2})+)"', line) for line in lines]
    assert all(rows)
    codes = [bytes.fromhex(row[1].replace("\\x", "")) for row in rows if row]
    assert codes == [entry.code for entry in ENTRIES.values()]


def options_of(file: Path) -> list[str]:
    """The flags that a farm makes of an .options file: one for each row of its section libfuzzer."""
    parser = configparser.ConfigParser()
    assert parser.read(file)
    assert parser.sections() == ["libfuzzer"]
    return [f"-{key}={value}" for key, value in parser["libfuzzer"].items()]


def test_a_target_runs_as_a_farm_would_run_it(out: Path, tmp_path: Path) -> None:
    """With its options, dictionary and seeds: every flag and every entry is known to libFuzzer, and all seeds are executed."""
    name = "fuzz_sud_inclusive"
    with zipfile.ZipFile(out / f"{name}_seed_corpus.zip") as zipped:
        zipped.extractall(tmp_path / "seeds")
    seeds = len(list((tmp_path / "seeds").iterdir()))
    # The harness is no package here, so it is told what to do with bugs.
    done = subprocess.run(
        [
            str(out / name),
            f"-runs={seeds + 10}",
            *options_of(out / f"{name}.options"),
            f"-dict={out / name}.dict",
            str(tmp_path / "seeds"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "SYSFUZZ_CRASH": "new"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"Dictionary: {len(ENTRIES)} entries" in done.stderr
    assert "unrecognized flag" not in done.stderr
    assert f"{seeds} files found" in done.stderr
    counters = re.search(r"INFO: Loaded \d+ modules? +\((\d+) inline 8-bit counters\)", done.stderr)
    assert counters
    assert int(counters[1]) >= 100  # fewer are taken for an instrumentation that has failed


def instructions(dockerfile: Path) -> list[list[str]]:
    """The instructions of a Dockerfile, in words."""
    lines = dockerfile.read_text().splitlines()
    return [shlex.split(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(("folder", "source"), list(zip(FOLDERS, ("COPY", "RUN"), strict=True)))
def test_images_are_made_as_documented(folder: str, source: str) -> None:
    """From the builder for Python; the sources are copied by ClusterFuzzLite and cloned by OSS-Fuzz; build.sh goes to $SRC."""
    base, get_sources, work, script = instructions(ROOT / folder / "Dockerfile")
    assert base == ["FROM", "gcr.io/oss-fuzz-base/base-builder-python"]
    assert get_sources[0] == source
    assert get_sources[-1] == "$SRC/sysfuzz"
    assert work == ["WORKDIR", "$SRC/sysfuzz"]
    # ClusterFuzzLite's context is the project, that of OSS-Fuzz is the folder.
    assert script == ["COPY", ".clusterfuzzlite/build.sh" if source == "COPY" else "build.sh", "$SRC/"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_projects_are_described(folder: str) -> None:
    """Language, engine and sanitizer are explicit and supported for Python; OSS-Fuzz wants addresses as well, and knows these keys."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    project = yaml.safe_load((ROOT / folder / "project.yaml").read_text())
    assert project["language"] == "python"
    assert project["fuzzing_engines"] == ["libfuzzer"]
    assert project["sanitizers"]
    assert set(project["sanitizers"]) <= {"address", "undefined"}
    if folder != ".clusterfuzzlite":
        assert "@" in project["primary_contact"]
        assert project["main_repo"] in (ROOT / folder / "Dockerfile").read_text()
        assert set(project) <= {
            "homepage",
            "main_repo",
            "primary_contact",
            "auto_ccs",
            "language",
            "fuzzing_engines",
            "sanitizers",
        }


@pytest.mark.parametrize("file", ["harnesses/oss-fuzz/Dockerfile", "harnesses/oss-fuzz/project.yaml", "docs/ci.md"])
def test_placeholders_are_marked(file: str) -> None:
    """Addresses that nobody but the user knows are those of example.org (RFC 2606), and what to put there is said in or above those lines."""
    paragraph = [""]
    count = 0
    for line in (ROOT / file).read_text().splitlines():
        if "example.org" in line:
            count += 1
            assert "REPLACE: " in line or "REPLACE: " in " ".join(paragraph), line
        paragraph = [*paragraph, line] if "example.org" in line or line.startswith("#") else [""]
    assert count


def test_the_examples_for_ci_use_the_actions() -> None:
    """Each workflow of the page is whole YAML; both steps of CIFuzz and of ClusterFuzzLite are there, with what they need."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    page = (ROOT / "docs" / "oss-fuzz.md").read_text()
    workflows = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)]
    steps = {
        step["uses"].partition("@")[0]: step["with"]
        for workflow in workflows
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    }
    for home in ("google/clusterfuzzlite/actions", "google/oss-fuzz/infra/cifuzz/actions"):
        build, run = steps[f"{home}/build_fuzzers"], steps[f"{home}/run_fuzzers"]
        assert build["language"] == "python"
        assert run["fuzz-seconds"] > 0
        if "cifuzz" in home:
            assert build["oss-fuzz-project-name"] == run["oss-fuzz-project-name"] == "sysfuzz"
        else:
            assert run["mode"] == "code-change"
            assert build["sanitizer"] == run["sanitizer"] == "address"
