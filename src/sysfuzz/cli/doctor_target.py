"""`sysfuzz doctor --target T`: how a target stands to the golden programs of its design, and what is missing, for people and as JSON."""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.doctor_runs import Examination, examine
from sysfuzz.cli.errors import CLEAN, FOUND, bad_input
from sysfuzz.cli.inputs import Named, find_own_cores, unknown_target
from sysfuzz.cli.output import check_writable, say, write_json
from sysfuzz.targets import table
from sysfuzz.targets.conformance import REFERENCE, Answers, Result, needs, total


class Area(NamedTuple):
    """The programs of one directory."""

    name: str
    programs: int  # that were run
    left_out: int
    failures: tuple[Result, ...]


def examined(name: str, json_file: str | None) -> int:
    """Examine a target and tell what is missing. The exit code: CLEAN if nothing is."""
    check_writable(json_file)
    if table.is_own(name):
        find_own_cores()
    elif name not in table.names():
        raise unknown_target(Named(name, "--target"))
    with bad_input():
        examination = examine(name)
    for line in told(name, examination):
        say(line, json_file)
    write_json(json_file, as_json(name, examination))
    return CLEAN if conforms(examination) else FOUND


def conforms(found: Examination) -> bool:
    """Whether nothing is wrong, and something is right."""
    wrong = any(method.wrong for method in found.methods) or any(result.wrong for _, result in found.results)
    return bool(found.results) and not wrong and not found.unasked


def areas(found: Examination) -> list[Area]:
    """The programs by directory, in order."""
    rows = sorted([*found.results, *((fact, None) for fact in found.left_out)], key=lambda row: row[0].name)
    made = []
    for name, group in groupby(rows, key=lambda row: row[0].area):
        results = [result for _, result in group]
        ran = [result for result in results if result is not None]
        failures = tuple(result for result in ran if result.wrong)
        made.append(Area(name, len(ran), len(results) - len(ran), failures))
    return made


def told(name: str, found: Examination) -> Iterator[str]:
    """The report for people."""
    yield f"{name}, held against the golden programs of {found.declared.promise}"
    yield from _methods(found)
    yield from _calls(found)
    yield ""
    rows = [_area(area) for area in areas(found)]
    used = [any(column) for column in zip(*rows, strict=True)]  # mostly nothing is left out, and often nothing fails
    yield from columns([cell for cell, use in zip(row, used, strict=True) if use] for row in rows)
    yield from [""] * bool(rows)
    if found.others:
        differ = sum(result.wrong is not None for result in found.others)
        yield f"of {counted(len(found.others), 'program')} of {REFERENCE}, another design, {differ:,} are otherwise here"
    if found.unasked:
        yield f"{counted(found.unasked, 'program')} not run: too many have hung, or ended the process"
    yield _verdict(name, found)


def _methods(found: Examination) -> Iterator[str]:
    wrong = [method for method in found.methods if method.wrong]
    if found.methods:
        yield f"protocol: {len(found.methods) - len(wrong)} of {len(found.methods)} points hold"
        yield from columns(("", method.signature, f"{method.wrong}; wanted: {method.wants}") for method in wrong)


def _calls(found: Examination) -> Iterator[str]:
    needed = {call for fact in found.left_out for call in needs(fact.golden)}
    out = sorted(found.declared.unsupported & needed)
    if out:
        yield f"calls that it says it does not have: {', '.join(out)}"
    never = {call: answers for call, answers in _answers(found).items() if answers.asked and not answers.right}
    nosys = [call for call, answers in never.items() if answers.nosys == answers.asked]
    if nosys:
        yield f"calls that always answer ENOSYS: {', '.join(nosys)}"
    if len(nosys) < len(never):
        yield f"calls that are never right: {', '.join(call for call in never if call not in nosys)}"


def _area(area: Area) -> tuple[str, str, str, str]:
    passed = f"{area.programs - len(area.failures)} of {area.programs}"
    out = f"{area.left_out} left out" if area.left_out else ""
    return "  " + area.name, passed, out, _place(area.failures[0]) if area.failures else ""


def _place(result: Result) -> str:
    """A failure in one line."""
    assert result.wrong is not None, "it is a failure"
    where = f"{result.name}:{result.wrong.line}" if result.wrong.line else result.name
    return f"{where}: {result.wrong}"


def _verdict(name: str, found: Examination) -> str:
    if not found.results and not found.left_out:
        return f"{name}: no golden program is about {found.declared.promise}"
    passed = sum(result.wrong is None for _, result in found.results)
    count = f"{passed:,} of {len(found.results):,} programs pass"
    if found.left_out:
        count += f", {len(found.left_out):,} are left out, as they need what it does not have"
    return f"{name} {'conforms' if conforms(found) else 'does not conform'}: {count}"


def _answers(found: Examination) -> dict[str, Answers]:
    return total(result for _, result in found.results)


def as_json(name: str, found: Examination) -> dict[str, object]:
    """The report for programs; `sysfuzz doctor --help` documents it."""
    return {
        "target": name,
        "promise": found.declared.promise,
        "unsupported": sorted(found.declared.unsupported),
        "conforms": conforms(found),
        "methods": [method._asdict() for method in found.methods],
        "calls": [{"call": call, **answers._asdict()} for call, answers in _answers(found).items()],
        "areas": [
            {
                "area": area.name,
                "programs": area.programs,
                "passed": area.programs - len(area.failures),
                "left_out": area.left_out,
                "failures": [_failure(result) for result in area.failures],
            }
            for area in areas(found)
        ],
        "reference": {
            "programs": len(found.others),
            "passed": sum(result.wrong is None for result in found.others),
        },
        "not_run": found.unasked,
    }


def _failure(result: Result) -> dict[str, object]:
    assert result.wrong is not None, "it is a failure"
    return {"program": result.name, **result.wrong._asdict()}
