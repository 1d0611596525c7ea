"""The first page: what the card is, how to get it, and a door for each role; and the page for a fault.

The server makes both, without a script, so that they work in any browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import flask
from flask import Blueprint, Response, current_app, request

from cards.programme.load import load_programme
from cards.programme.types import Programme, Text
from edge.http import request_id
from edge.problems import Problem
from edge.settings import Settings
from web.pages import LANGUAGE_COOKIE, page_language
from web.staff.forms import speaker
from web.wording import LANGUAGES, load_page_wording

_YEAR: Final = 365 * 24 * 3600
_LONGEST_PATH: Final = 60


@dataclass(frozen=True, slots=True)
class Entrance:
    """A door on the first page. It is shown if this process serves `path`. `name` is its key in the words."""

    path: str
    name: str
    icon: str


PUBLIC: Final = (
    Entrance("/wallet", "wallet", "phone"),
    Entrance("/apply", "apply", "form"),
    Entrance("/check", "check", "granted"),
)
STAFF: Final = (
    Entrance("/counter", "counter", "desk"),
    Entrance("/desk", "desk", "calendar"),
    Entrance("/department", "department", "building"),
    Entrance("/office", "office", "identity"),
    Entrance("/audit", "audit", "shield"),
    Entrance("/operator", "operator", "server"),
    Entrance("/people", "people", "person"),
)


class HomePages:
    """The first page and the fault page of one application."""

    def __init__(self, settings: Settings) -> None:
        self._programme = load_programme(settings.programme)
        self._wording = load_page_wording()
        self._secure = settings.base_url.startswith("https://")
        # Behind a front, an issuer apart serves these: the first at this address, the second at the office's own
        self._beside: dict[str, str] = {}
        if settings.office_url is not None and not settings.serves("issuer"):
            self._beside = {"/apply": "/apply", "/office": f"{settings.office_url}/office"}

    def blueprint(self) -> Blueprint:
        """Return the blueprint of the first page."""
        found = Blueprint("home", __name__, template_folder="templates")
        found.add_url_rule("/", "home", self.first)
        return found

    def first(self) -> Response:
        """Return the first page in the requested language. A choice in the address is kept in the browser."""
        programme = self._programme
        told = {
            "grounds": sum(ground.tier is not None for ground in programme.grounds.values()),
            "by_decision": any(ground.tier is None for ground in programme.grounds.values()),
        }
        response = self._page("home", tiers=tiers_told(programme), staff=served(STAFF, self._beside), **told)
        response.headers["Cache-Control"] = "no-cache"
        response.vary.add("Cookie")
        return response

    def draw(self, problem: Problem) -> Response:
        """Return the page that says what went wrong, and where to go from here."""
        kind, absent = problem.kind, problem.status == 404
        told = kind.zh if page_language() == "zh" else f"{kind.en}. {kind.hint}"
        named = {"code": problem.status, "path": _short(request.path), "number": request_id()}
        response = self._page("fault", absent=absent, told=told, **named)
        response.status_code = problem.status
        return response

    def _page(self, template: str, **values: object) -> Response:
        language, public = page_language(), served(PUBLIC, self._beside)
        names = {entrance.name for entrance in public}
        text = flask.render_template(
            f"home/{template}.html",
            t=speaker(self._wording[language]),
            say=partial(_say, language),
            language=language,
            page="home",
            programme=self._programme,
            public=public,
            applies="apply" in names,
            carries="wallet" in names,
            **values,
        )
        response = Response(text, content_type="text/html; charset=utf-8")
        if request.args.get("lang") in LANGUAGES:
            response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, secure=self._secure, samesite="Strict")
        return response


def served(entrances: tuple[Entrance, ...], beside: Mapping[str, str]) -> list[Entrance]:
    """Return the doors with a page in this process, or in the process beside it: `beside` has their addresses."""
    here = {rule.rule: rule.rule for rule in current_app.url_map.iter_rules()}
    places = {**beside, **here}
    return [replace(entrance, path=places[entrance.path]) for entrance in entrances if entrance.path in places]


def tiers_told(programme: Programme) -> list[dict[str, object]]:
    """Return the tiers from the highest on, each with the items of its holders: how many, and their first and last
    numbers.
    """
    found: list[dict[str, object]] = []
    for tier in sorted(programme.tiers.values(), key=lambda one: -one.rank):
        items = sorted({service.item for service in programme.services.values() if tier.code in service.tiers})
        whole = bool(items) and items[-1] - items[0] + 1 == len(items) > 1
        found.append({"tier": tier, "count": len(items), "span": (items[0], items[-1]) if whole else None})
    return found


def _say(language: str, text: Text | None) -> str:
    return "" if text is None else text.in_language(language)


def _short(path: str) -> str:
    """Return typed text, short enough to be read out on the telephone."""
    return path if len(path) <= _LONGEST_PATH else f"{path[: _LONGEST_PATH - 1]}…"
