"""The pages and their files for browsers. Pages hold no data of people; their scripts ask the API.

They are served under the frame's strict policy: no inline script or style, Trusted Types with the single policy
`yunju`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import flask
from flask import Blueprint, Response, abort, request
from werkzeug.security import safe_join

from cards.programme.load import load_programme
from cards.programme.types import Programme, Text
from cards.wire import dictionary_of
from edge.encoding import b64u
from edge.packing import packed
from edge.release import VERSION
from edge.settings import Settings
from web.checking import for_check
from web.installable import APPS, add_apps, fresh, served_apps
from web.wording import FIRST_LANGUAGE, LANGUAGES, Wording, first_language, load_wording, words_named

STATIC: Final = Path(__file__).parent / "static"
LANGUAGE_COOKIE: Final = "yunju_language"
_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    "": "text/plain; charset=utf-8",
}


def pages_blueprint(settings: Settings) -> Blueprint:
    """Return the pages of the enabled surfaces, and their files."""
    found = Blueprint("pages", __name__, template_folder="templates")
    programme = load_programme(settings.programme)
    wording = load_wording()
    first = next((language for language in programme.languages if language in LANGUAGES), LANGUAGES[0])
    found.record(lambda state: state.app.config.update({FIRST_LANGUAGE: first}))
    shared = shared_config(settings, programme)
    _add_files(found, wording)
    checking = for_check(settings, programme)
    add_apps(found, settings, wording, shared | checking)
    pages: dict[str, tuple[str, Callable[[], dict[str, object]]]] = {
        "counter": ("/counter", lambda: shared | {"version": VERSION}),
        "wallet": ("/wallet", lambda: shared | _for_wallet(programme)),
        "check": ("/check", lambda: shared | checking),
    }
    served = served_apps(settings)
    for name in served:
        path, config = pages[name]
        found.add_url_rule(path, name, _view(name, wording, config()))
    return found


def _view(name: str, wording: Wording, config: dict[str, object]) -> Callable[[], Response]:
    def view() -> Response:
        return packed(render_page(name, wording, config))  # The same for everybody in a language

    return view


def render_page(name: str, wording: Wording, config: dict[str, object], **values: object) -> Response:
    """Return the page of a template in the requested language. `config` is the data for its script."""
    language = page_language()
    words = wording[language]
    text = flask.render_template(
        f"{name}.html",
        t=words.__getitem__,
        language=language,
        page=name,
        config=config,
        installed=name in APPS,
        **values,
    )
    response = Response(text, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-cache"
    response.vary.add("Cookie")
    return response


def page_language() -> str:
    """Return the language in the address or of the browser's choice, otherwise the programme's first."""
    asked = request.args.get("lang") or request.cookies.get(LANGUAGE_COOKIE, "")
    return asked if asked in LANGUAGES else first_language()


def shared_config(settings: Settings, programme: Programme) -> dict[str, object]:
    """Return the data for every page's script: nothing secret, nothing about a person."""
    ranked = sorted(programme.tiers.values(), key=lambda tier: -tier.rank)
    return {
        "base": settings.base_url,
        "zone": programme.zone.key,
        "programme": {"name": both(programme.name), "district": both(programme.district)},
        "tiers": {tier.code: {"name": both(tier.name), "clouds": tier.clouds} for tier in ranked},
        "contact": {"name": both(programme.general_contact.label), "phone": programme.general_contact.number},
    }


def _for_wallet(programme: Programme) -> dict[str, object]:
    """Return what a phone needs to make its codes: the audience of proofs, and the dictionary of the wire form."""
    dictionary = dictionary_of(programme)
    wire = {"number": dictionary.number, "content": b64u(dictionary.content)}
    return {"audience": programme.audience, "wire": wire}


def both(text: Text) -> dict[str, str]:
    """Return a text in every language of the pages."""
    return {language: text.in_language(language) for language in LANGUAGES}


def _add_files(found: Blueprint, wording: Wording) -> None:
    @found.get("/static/<path:name>")
    def static_file(name: str) -> Response:
        return fresh(packed(Response(_content(name), content_type=_KINDS[Path(name).suffix])))

    @found.get("/words/<name>.json")
    def words(name: str) -> Response:
        told = words_named(wording, name)
        if told is None:
            abort(404)
        return fresh(
            packed(
                Response(json.dumps(told, ensure_ascii=False, separators=(",", ":")), content_type="application/json")
            )
        )


def _content(name: str) -> bytes:
    """Return a file's bytes, or answer 404 for a file that is missing, of no known kind, or outside the folder."""
    path = safe_join(str(STATIC), name)
    if path is None or "\0" in name or Path(name).suffix not in _KINDS:
        abort(404)
    try:
        return Path(path).read_bytes()
    except OSError:
        abort(404)
