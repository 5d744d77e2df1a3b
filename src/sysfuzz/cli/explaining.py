"""Explanations for reports: targets are opened here, since only a command line knows where a core of the user's own lies."""

from functools import cache

from sysfuzz.cli.errors import BadInput, EngineFault
from sysfuzz.cli.inputs import Named, open_target
from sysfuzz.cli.running import located
from sysfuzz.findings.explain import explain
from sysfuzz.findings.explanation import Explanation
from sysfuzz.findings.finding import Finding
from sysfuzz.program.ir import Program
from sysfuzz.program.source import Source
from sysfuzz.report import Unexplained
from sysfuzz.targets.table import Target


class Explainer:
    """Explains findings; a target is opened once, however many findings it has."""

    def __init__(self, where: str) -> None:
        """`where` names who says what the targets are, in messages."""
        self._where = where
        self._open = cache(self._open_or_say)

    def __call__(self, finding: Finding, program: Program) -> Explanation:
        """Raises Unexplained."""
        target = self._open(finding.target)
        if isinstance(target, str):
            raise Unexplained(target)
        try:
            with located(target, Source(program, file=finding.bucket)):
                found = explain(target, program, finding.bucket)
        except EngineFault as error:
            raise Unexplained(error.message) from error
        if found is None:
            raise Unexplained(f"run now on {target.name}, the program does not show the bug")
        return found

    def _open_or_say(self, name: str) -> Target | str:
        try:
            return open_target(Named(name, self._where))
        except BadInput as error:
            return error.message
