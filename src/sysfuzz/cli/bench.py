"""`sysfuzz bench`: the group of measurements of sysfuzz itself, each in a file of its own."""

import click

from sysfuzz.cli import (
    bench_buckets,
    bench_generator,
    bench_mappings,
    bench_mutants,
    bench_report,
    bench_speed,
    bench_trials,
)


@click.group("bench", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Measure sysfuzz itself."""


for _verb in (
    bench_speed,
    bench_mappings,
    bench_generator,
    bench_buckets,
    bench_trials,
    bench_report,
    bench_mutants,
):
    command.add_command(_verb.command)
