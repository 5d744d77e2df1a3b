"""What is asked over HTTP, and who answers. Every answer comes of one look at the campaign; an id is looked up in it, and never made a path."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sysfuzz.campaign.state import State
from sysfuzz.dashboard import metrics
from sysfuzz.dashboard.document import document
from sysfuzz.dashboard.guard import Guard
from sysfuzz.dashboard.listing import BadQuery, parse
from sysfuzz.dashboard.look import Look, Unreadable
from sysfuzz.dashboard.pages import STATIC, Pages, refusal
from sysfuzz.report.document import dump

_TITLES = {400: "This cannot be asked", 404: "There is no such page", 503: "The campaign cannot be read"}

_Answer = Callable[[State, Request], Response]


def application(look: Look, pages: Pages, hosts: Iterable[str]) -> ASGIApp:
    """The application; `hosts` are names that the server goes by besides those of this machine to itself."""

    def answered(answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            # A look may have to read, and a page to wait for its story: the next request need not wait for them.
            return await asyncio.to_thread(lambda: answer(look.state(), request))

        return endpoint

    def lively(render: Callable[[State, bool], str]) -> _Answer:
        return lambda state, request: HTMLResponse(render(state, request.query_params.get("refresh") != "off"))

    def still(render: Callable[[State], str]) -> _Answer:
        return lambda state, request: HTMLResponse(render(state))

    def fresh(answer: _Answer) -> _Answer:
        # Nobody reads there of when it is.
        def checked(state: State, request: Request) -> Response:
            look.check()
            return answer(state, request)

        return checked

    def listed(state: State, request: Request) -> Response:
        return HTMLResponse(pages.findings(state, parse(request.query_params.multi_items())))

    def one(state: State, request: Request) -> Response:
        text = pages.finding(state, request.path_params["identity"])
        if text is None:
            raise HTTPException(404)
        return HTMLResponse(text)

    answers: dict[str, _Answer] = {
        "/": lively(pages.overview),
        "/plots": lively(pages.plots),
        "/findings": listed,
        "/finding/{identity}": one,
        "/workers": lively(pages.workers),
        "/corpus": still(pages.corpus),
        "/weaknesses": still(pages.weaknesses),
        "/metrics": fresh(lambda state, request: Response(metrics.render(state), media_type=metrics.CONTENT_TYPE)),
        "/api/state": lambda state, request: Response(dump(document(state)), media_type="application/json"),
        "/healthz": fresh(lambda state, request: PlainTextResponse("ok\n")),
    }
    routes = [Route(path, answered(answer)) for path, answer in answers.items()]
    handlers = {HTTPException: _no_page, BadQuery: _bad_query, Unreadable: _unreadable}
    app = Starlette(routes=[*routes, Route("/static/{name}", _static)], exception_handlers=handlers)
    app.router.redirect_slashes = False
    return Guard(app, hosts)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        raise HTTPException(404)
    kind, home = STATIC[name]
    return Response(home.joinpath(name).read_bytes(), media_type=kind)


async def _no_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refused(error.status_code, f"Nothing is known about {request.url.path!r:.200}.")


async def _bad_query(_: Request, error: Exception) -> Response:
    return _refused(400, str(error))


async def _unreadable(_: Request, error: Exception) -> Response:
    return _refused(503, str(error))


def _refused(status: int, text: str) -> Response:
    return HTMLResponse(refusal(_TITLES.get(status, f"Error {status}"), text), status)
