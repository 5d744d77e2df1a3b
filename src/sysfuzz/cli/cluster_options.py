"""The options of `sysfuzz campaign run` that put its epochs on a cluster, and the way from their text to what runs it."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import click

from sysfuzz.campaign.runner import Ended, run
from sysfuzz.cli.errors import BadInput

_LOCAL = re.compile(r"local(?::([1-9][0-9]{0,2}))?")
_REMOTE = re.compile(r"(?:tcp|tls|ws|wss|ucx)://[^\s/]+:[0-9]+")


class Way(NamedTuple):
    """How a campaign is run: by what, and by how many workers of this machine."""

    run: Callable[..., Ended]
    workers: int


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--scheduler` and `--depot` to a command."""
    command = click.option(
        "--depot",
        metavar="URL",
        help="With --scheduler: where all of DIR is kept as well, s3://bucket/path for example.",
    )(command)
    return click.option(
        "--scheduler",
        metavar="URL",
        help="Run the epochs on the workers of this Dask scheduler, tcp://host:8786; 'local:N' are N processes here.",
    )(command)


def way(scheduler: str | None, depot: str | None, workers: int) -> Way:
    """What the options ask for. BadInput."""
    if scheduler is None:
        if depot is not None:
            raise BadInput("--depot: needs --scheduler")
        return Way(run, workers)
    local = _LOCAL.fullmatch(scheduler)
    if local is None and _REMOTE.fullmatch(scheduler) is None:
        raise BadInput(f"--scheduler: {scheduler!r} is no address; supported: tcp://HOST:PORT, local, local:N")
    try:
        from sysfuzz.campaign import cluster
    except ImportError as error:
        raise BadInput(
            f"--scheduler: {error.name} is not installed; supported: pip install 'sysfuzz[cluster]'"
        ) from None
    if local is not None:
        return Way(partial(cluster.run, "local", depot), int(local[1] or workers))
    return Way(partial(cluster.run, scheduler, depot), workers)
