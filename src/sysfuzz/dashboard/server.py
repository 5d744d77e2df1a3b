"""Listening: a socket that only this machine can reach unless somebody says otherwise, and the server behind it."""

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from sysfuzz.dashboard.app import application
from sysfuzz.dashboard.look import Look
from sysfuzz.dashboard.pages import Pages, prepare, warm
from sysfuzz.dashboard.stories import Stories
from sysfuzz.report import Explain

_MOST = 64  # requests at a time; whoever comes beyond that is told to come again
_BACKLOG = 128


class Dashboard:
    """A dashboard that listens. Use it as a context: what it has started ends with it."""

    def __init__(
        self,
        home: Path,
        explain: Explain,
        clock: Callable[[], datetime],
        host: str = "127.0.0.1",
        port: int = 0,
        names: Iterable[str] = (),
    ) -> None:
        """Read the campaign and listen; port 0 is any that is free. `names`: what else the server goes by.

        Raises Unreadable, OSError.
        """
        self._look = Look(home, clock, prepare)
        try:
            self.socket = _listening(host, port)
        except OSError:
            self._look.close()
            raise
        self._stories = Stories(explain)
        self._stories.warm()
        warm()
        pages = Pages(self._stories, Path.cwd())
        pages.overview(self._look.state(), refreshes=True)  # whatever only a first page has to do is done
        written = f"[{host}]" if ":" in host else host
        self.url = f"http://{written}:{self.socket.getsockname()[1]}/"
        self.server = uvicorn.Server(_config(application(self._look, pages, (written, *names))))

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        return ip_address(self.socket.getsockname()[0]).is_loopback

    def serve(self) -> None:
        """Answer until Ctrl-C, or until somebody sets `server.should_exit`."""
        with suppress(KeyboardInterrupt):
            self.server.run([self.socket])

    def __enter__(self) -> "Dashboard":
        return self

    def __exit__(self, *_: object) -> None:
        self._look.close()
        self._stories.close()
        self.socket.close()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        access_log=False,
        http="h11",
        interface="asgi3",
        lifespan="off",
        limit_concurrency=_MOST,
        log_level="warning",
        loop="asyncio",
        proxy_headers=False,
        server_header=False,
        ws="none",
    )
