"""
Owns what people see in a browser when something is not there, or went wrong.

Leaves what programs get to `web/problems`.
"""

import orjson
from aiohttp import hdrs, web

from server.web.pages.html import STYLE, page_answer, render_page
from server.web.pages.language import voice_of

_FOR_PEOPLE = ("/v1/unsubscribe/", "/v1/oauth/")
_FOR_PROGRAMS = ("/v1/", "/feeds/", "/widget/", "/metrics", "/healthz", "/readyz")

_WORDS = {
    404: ("There is nothing here", "The address may be mistyped, or what was here is gone."),
    429: ("That was a little fast", "Please wait a minute, then try again."),
    503: ("One moment, please", "Something that we need does not answer just now. Please try again in a minute."),
}
_ELSE = ("This did not work", "Please go back and try again.")


def wants_page(request: web.Request) -> bool:
    """Whether it is a person in a browser who asks."""
    wants_html = "text/html" in request.headers.get(hdrs.ACCEPT, "")
    return wants_html and (request.path.startswith(_FOR_PEOPLE) or not request.path.startswith(_FOR_PROGRAMS))


def error_page(request: web.Request, problem: web.Response) -> web.Response:
    """*problem* for the person who asked."""
    assert isinstance(problem.body, bytes), "a problem is JSON"
    title, detail = _WORDS.get(problem.status, _ELSE)
    request_id = orjson.loads(problem.body)["request_id"]
    voice = voice_of(request)
    html = render_page(
        "error.html", STYLE, voice, status=problem.status, title=title, detail=detail, request_id=request_id
    )
    answer = page_answer(html, STYLE, status=problem.status, private=True)
    for name in ("Retry-After", "Allow"):
        if name in problem.headers:
            answer.headers[name] = problem.headers[name]
    return answer
