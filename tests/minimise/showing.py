"""Bugs for the tests of minimising: predicates over real targets, and programs bloated around a small one."""

from collections.abc import Callable
from random import Random

from hypothesis import HealthCheck, settings

from sysfuzz.findings.bucket import group
from sysfuzz.findings.severity import rank, severity_of
from sysfuzz.generate.fresh import fresh
from sysfuzz.generate.mutate import mutate
from sysfuzz.minimise.search import Predicate
from sysfuzz.oracles import judge
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Result
from sysfuzz.program.text import format_program, parse
from sysfuzz.targets.table import Target

# Whole programs are large inputs, and a busy machine draws them slowly: that says nothing about what is tested.
MODEST = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

_TRIES = 200


def program(text: str) -> Program:
    """The program that `text` says."""
    return parse(text).program


def text(program: Program) -> str:
    """The canonical text of a program."""
    return format_program(program)


def face(target: Target, bucket: str, program: Program) -> int | None:
    """The rank of the worst severity with which `program` shows `bucket`; None if it does not."""
    shown = group(judge(program, target.run(program))).get(bucket)
    return rank(severity_of(shown[0].oracle)) if shown else None


def shows(target: Target, bucket: str, mildest: int = 3) -> Predicate:
    """The predicate "shows `bucket` with a severity of this rank or a worse one"."""

    def ask(program: Program) -> list[Result] | None:
        outcome = target.run(program)
        shown = group(judge(program, outcome)).get(bucket)
        if not shown or rank(severity_of(shown[0].oracle)) > mildest:
            return None
        return [step.result for step in outcome.steps]

    return ask


def bloated(program: Program, keeps: Callable[[Program], bool], seed: int, steps: int = 12) -> Program:
    """A larger program with the property: `program` after up to `steps` mutations that keep it and make it no shorter."""
    rng = Random(seed)
    for _ in range(_TRIES):
        new = mutate(program, rng, fresh(rng, program.mode, program.vendor))
        if len(program.ops) <= len(new.ops) <= 20 and keeps(new):
            program = new
            steps -= 1
            if not steps:
                break
    return program
