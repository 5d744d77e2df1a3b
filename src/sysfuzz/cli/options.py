"""Options that several verbs have, said once."""

from collections.abc import Callable
from typing import Any

import click

from sysfuzz.cli.inputs import GivenPath

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

MAX_SEED = 2**31 - 1

any_seed_option: _Decorator = click.option(
    "--seed", type=click.IntRange(0, MAX_SEED), metavar="S", help="Of all random choices. Default: any; it is printed."
)
workers_option: _Decorator = click.option(
    "-j", "workers", type=click.IntRange(1, 256), default=1, show_default=True, metavar="N", help="Worker processes."
)
seed_option: _Decorator = click.option(
    "--seed",
    type=click.IntRange(0, MAX_SEED),
    default=1,
    show_default=True,
    metavar="S",
    help="Of all random choices.",
)


def corpora_option(words: str) -> _Decorator:
    """`--corpus DIR`, which can be repeated; `words` say what becomes of the directories."""
    return click.option(
        "--corpus",
        "corpora",
        multiple=True,
        metavar="DIR",
        type=GivenPath(),
        help=f"Programs to start from. {words}",
    )


def runs_option(default: int, words: str, least: int = 1, most: int | None = None) -> _Decorator:
    """`--runs N`, from `least` to `most`; `words` say of what."""
    return click.option(
        "--runs", type=click.IntRange(least, most), default=default, show_default=True, metavar="N", help=words
    )


def jobs_option(words: str) -> _Decorator:
    """`-j N`; `words` say what there are N of."""
    return click.option(
        "-j", "jobs", type=click.IntRange(1, 256), default=2, show_default=True, metavar="N", help=words
    )
