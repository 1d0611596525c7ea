"""Makes a page an app: its manifest, and the service worker that keeps the pages for when the server is away.

The worker's list of files is read from the static folder. Its version is the hash of everything that it keeps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import flask
from flask import Blueprint, Response, abort, request

from edge.packing import packed
from edge.settings import Settings
from verifier.rules.reasons import REASONS
from web.wording import LANGUAGES, Wording, first_language, word_files

APPS: Final = ("counter", "wallet", "check")
"""The pages that can be installed and that start without a server."""

WORKER: Final = "/sw.js"
MANIFEST_KIND: Final = "application/manifest+json"
_SCRIPT_KIND: Final = "text/javascript; charset=utf-8"
_FOLDER: Final = Path(__file__).parent
_STATIC: Final = _FOLDER / "static"
# Files that only the auditor's pages need are left out: nobody reads the log without a server.
_LEFT_OUT: Final = ("audit", "chart.js", "kurkle-color", "licences", "sw.js", "home")
_KEPT_KINDS: Final = frozenset({".css", ".js", ".mjs", ".svg", ".png", ".wasm"})
_BRAND, _PAPER = "#14535b", "#f7f4ee"
_ICONS: Final = (("192", "any"), ("512", "any"), ("512", "maskable"))


def kept_files() -> tuple[str, ...]:
    """Return the paths below the static folder that the pages need while the server is away."""
    found = (path.relative_to(_STATIC) for path in _STATIC.rglob("*") if path.suffix in _KEPT_KINDS)
    return tuple(sorted(path.as_posix() for path in found if not any(part in _LEFT_OUT for part in _stems(path))))


def _stems(path: Path) -> tuple[str, ...]:
    return (*path.parts, path.stem)


def reasons_json() -> dict[str, dict[str, object]]:
    """Return the sentences of every reason, for a device that judges without the server."""
    return {
        code: {
            "sentence": {language: reason.sentence.in_language(language) for language in ("zh", "en")},
            "hint": {language: reason.hint.in_language(language) for language in ("zh", "en")},
            "call": reason.call.value,
        }
        for code, reason in REASONS.items()
    }


def precache(settings: Settings, wording: Wording, config: Mapping[str, object]) -> dict[str, object]:
    """Return what the service worker keeps: pages, files, and the version of all of it."""
    pages = [f"/{name}" for name in served_apps(settings)]
    files = [f"/static/{name}" for name in kept_files()]
    named = (name for name in word_files(wording) if name.partition("-")[0] not in _LEFT_OUT)
    words = [*(f"/words/{name}.json" for name in named), "/words/reasons.json", "/words/sentences.json"]
    version = hashlib.sha256()
    for name in kept_files():
        version.update(name.encode() + b"\0" + (_STATIC / name).read_bytes())
    for template in sorted((_FOLDER / "templates").glob("*.html")):
        version.update(template.read_bytes())
    rest = [dict(wording), dict(config), reasons_json(), (_STATIC / "js" / "sw.js").read_text(encoding="utf-8"), pages]
    version.update(json.dumps(rest, sort_keys=True, default=dict).encode())
    return {"version": version.hexdigest()[:16], "pages": pages, "files": [*files, *words]}


def manifest(name: str, language: str, wording: Wording, config: Mapping[str, object]) -> dict[str, object]:
    """Return a page's web app manifest in a language."""
    title = wording[language][f"{name}.title"]
    programme = config["programme"]
    told = programme["name"][language] if isinstance(programme, dict) else title
    return {
        "id": f"/{name}",
        "name": f"{title} · {told}",
        "short_name": title,
        "lang": "zh-CN" if language == "zh" else "en",
        "start_url": f"/{name}",
        "scope": f"/{name}",
        "display": "standalone",
        "theme_color": _BRAND,
        "background_color": _PAPER,
        "icons": [
            {
                "src": f"/static/icons/{'app' if purpose == 'any' else purpose}-{size}.png",
                "sizes": f"{size}x{size}",
                "type": "image/png",
                "purpose": purpose,
            }
            for size, purpose in _ICONS
        ],
    }


def add_apps(found: Blueprint, settings: Settings, wording: Wording, config: Mapping[str, object]) -> None:
    """Add the worker, the manifests of the served pages, and the sentences of all reasons."""
    script = (_STATIC / "js" / "sw.js").read_text(encoding="utf-8")

    @cache
    def worker_script() -> str:
        return f"self.KEPT = {json.dumps(precache(settings, wording, config))};\n{script}"

    @found.get(WORKER)
    def worker() -> Response:
        return fresh(Response(worker_script(), content_type=_SCRIPT_KIND))

    @found.get("/words/reasons.json")
    def reasons() -> Response:
        return fresh(packed(flask.jsonify(reasons_json())))

    @found.get("/words/sentences.json")
    def sentences() -> Response:  # For a page that gives no advice: half the bytes of all reasons
        return fresh(packed(flask.jsonify({code: told["sentence"] for code, told in reasons_json().items()})))

    @found.get("/<name>.webmanifest")
    def app_manifest(name: str) -> Response:
        if name not in served_apps(settings):
            abort(404)
        language = request.args.get("lang", "")
        told = manifest(name, language if language in LANGUAGES else first_language(), wording, config)
        return fresh(Response(json.dumps(told, ensure_ascii=False), content_type=MANIFEST_KIND))


def served_apps(settings: Settings) -> tuple[str, ...]:
    """Return the apps whose surface is enabled. The verifier's surface includes the public check."""
    return tuple(name for name in APPS if settings.serves("verifier" if name == "check" else name))


def fresh(response: Response) -> Response:
    """Let a browser keep a file but ask each time: 304 while it is unchanged, and no stale script after an update."""
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response
