"""`python -m verifier fetch`: fetches the issuer's signed documents once from another machine."""

from __future__ import annotations

import click

from edge.cli import Refusal, emit, json_option
from edge.instants import rfc3339
from edge.settings import Settings
from verifier.cli.opening import CLOCK
from verifier.service import published_folder
from verifier.trust.fetching import Fetcher, FetchError, source_of
from verifier.trust.published import Untrusted, read_programme


@click.command("fetch")
@json_option
@click.pass_obj
def fetch(settings: Settings, as_json: bool) -> None:
    """Fetch trust bundle, status lists and holder marks from YUNJU_ISSUER_URL, and show what is in force now.

    `python -m ops work` fetches them by itself. Use this command at a first start, or to see why fetching fails.
    """
    source = source_of(settings)
    if source is None:
        raise Refusal("no issuer is named", "set YUNJU_ISSUER_URL, or let YUNJU_PUBLISHED be the issuer's own folder")
    try:
        published = published_folder(settings, read_programme(settings.programme))
        anew = Fetcher(source, published, settings.published, CLOCK).once(wait=True)
        bundle = published.current(CLOCK.now()).bundle
    except FetchError as error:
        raise Refusal(str(error), "docs/deployment.md tells how a counter server is joined to its issuer") from None
    except Untrusted as error:
        raise Refusal(str(error), "YUNJU_ROOT names the issuer's root.jwk, YUNJU_PROGRAMME its programme") from None
    until = rfc3339(bundle.expires_at)
    told = {"new": anew, "bundle": bundle.version, "expires_at": until, "status_lists": list(bundle.status_lists)}
    word = "fetched" if anew else "nothing new"
    emit(
        told, as_json, f"{word}: trust bundle {bundle.version} until {until}, {len(bundle.status_lists)} status list(s)"
    )
