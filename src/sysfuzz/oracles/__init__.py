"""Pure functions from a program and its outcome to verdicts, judged against the spec."""

from sysfuzz.oracles.judge import ORACLES, judge
from sysfuzz.oracles.verdict import Verdict

__all__ = ["ORACLES", "Verdict", "judge"]
