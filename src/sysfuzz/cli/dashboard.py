"""`sysfuzz dashboard`: a campaign in a browser. Targets are opened here, since only a command line knows where a core of the user's own lies."""

import importlib.util
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

import click

from sysfuzz.cli.errors import CLEAN, BadInput, bad_input
from sysfuzz.cli.explaining import Explainer
from sysfuzz.cli.inputs import GivenPath
from sysfuzz.findings.explanation import Explanation
from sysfuzz.findings.finding import Finding
from sysfuzz.program.ir import Program

_LIBRARIES = ("prometheus_client", "starlette", "uvicorn")


@click.command("dashboard", short_help="Show a campaign in a browser.")
@click.argument("directory", metavar="DIR", type=GivenPath())
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, metavar="N", help="0: any that is free."
)
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="A further name that browsers may use for it; can be repeated.",
)
def command(directory: Path, host: str, port: int, names: tuple[str, ...]) -> int:
    """Serve the campaign in DIR to browsers: how it stands, plots, findings with their stories, workers, weaknesses.

    Reads only, and can be started and stopped while the campaign runs or does not. /metrics is for Prometheus, /api/state is
    JSON, /healthz says ok. Only this machine can connect unless --host says otherwise: there is no password. A request by
    another name than that of the host, localhost, 127.0.0.1, [::1] or --allow-host is refused. Needs the extra 'dashboard'.
    """
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(
            f"sysfuzz dashboard: {', '.join(missing)} not installed: python -m pip install 'sysfuzz[dashboard]'"
        )
    if not host:  # it would mean every address
        raise BadInput("--host: is empty; supported: an address of this machine, or its name")
    from sysfuzz.dashboard.look import Unreadable
    from sysfuzz.dashboard.server import Dashboard

    with bad_input(Unreadable):
        try:
            dashboard = Dashboard(directory, partial(_explain, str(directory)), _now, host, port, names)
        except OSError as error:
            if error.filename is not None:
                raise
            reason = (error.strerror or str(error)).partition(" (while attempting")[
                0
            ]  # what Python adds is what the line says
            raise BadInput(f"--host {host} --port {port}: cannot listen: {reason}") from error
    with dashboard:
        if not dashboard.is_local:
            click.echo(
                f"mind: --host {host}: whoever reaches this machine can read the campaign: there is no password",
                err=True,
            )
        click.echo(f"{dashboard.url} (Ctrl-C ends it)")
        dashboard.serve()
    return CLEAN


def _explain(where: str, finding: Finding, program: Program) -> Explanation:
    """Explain a finding. Raises Unexplained."""
    return _explainer(where)(finding, program)


_explainer = cache(Explainer)


def _now() -> datetime:
    return datetime.now(UTC)
