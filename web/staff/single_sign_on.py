"""Single sign-on by OpenID Connect: authorization code with PKCE and nonce (OpenID Connect Core §3.1, RFC 7636).

A person must be registered here first: linked to the account at the provider, or added for single sign-on under the
name in a claim. Nobody gets an account or a right only because the organisation's server knows them.
"""

from __future__ import annotations

from typing import Any, Final

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Blueprint, Flask, request, session
from flask.typing import ResponseReturnValue
from joserfc.errors import JoseError
from requests.exceptions import RequestException
from werkzeug.wrappers import Response as BaseResponse

from accounts.people import NameTaken, Person, UnknownPerson
from accounts.security import SecurityKind
from edge.http import request_instant
from edge.settings import Settings
from web.staff.addresses import safe_next
from web.staff.forms import Said
from web.staff.frame import StaffFrame
from web.staff.signing_in import let_in

PATH: Final = "/sign-in/organisation"
BACK: Final = "/sign-in/organisation/back"
BY: Final = "single-sign-on"
ALGORITHMS: Final = ("ES256", "RS256", "PS256", "EdDSA")
SECONDS: Final = 5
_NEXT: Final = "organisation-next"
_STRONG: Final = frozenset({"mfa", "hwk", "swk", "fpt", "face", "otp"})
"""Ways of signing in (RFC 8176) that count as a second step at the organisation. This server then does not ask for its
own.
"""
_FAULTS: Final = (AuthlibBaseError, JoseError, RequestException, RuntimeError, ValueError, KeyError, TypeError)
"""The errors of an absent, faulty or hostile server, or of a client's forged answer."""


def add_single_sign_on(app: Flask, staff: StaffFrame, settings: Settings) -> Blueprint | None:
    """Return the pages of single sign-on, or None if no provider is set. The sign-in page then shows no button."""
    if settings.sso_issuer is None:
        return None
    client = _client(app, settings)
    found = staff.blueprint("organisation")
    staff.single_sign_on = PATH

    @found.get(PATH)
    def organisation() -> ResponseReturnValue:
        session[_NEXT] = safe_next(request.args.get("next"), "")
        try:
            return client.authorize_redirect(f"{settings.staff_url}{BACK}")  # type: ignore[no-any-return]
        except _FAULTS:
            return staff.fault(503, "sso.away")

    @found.get(BACK)
    def back() -> ResponseReturnValue:
        try:
            claims = _claims(client, settings)
        except _FAULTS:
            return _refused(staff, "sso.failed")
        person = _person(staff, settings, claims)
        if person is None:
            return _refused(staff, "sso.unknown")
        factor = bool(_STRONG & set(claims.get("amr") or ()))
        return _onward(staff, let_in(staff, person, session.get(_NEXT), factor=factor))

    return found


def _client(app: Flask, settings: Settings) -> Any:  # noqa: ANN401 - Authlib carries no types
    return OAuth(app).register(
        "organisation",
        client_id=settings.sso_client,
        client_secret=settings.sso_secret(),
        server_metadata_url=f"{settings.sso_issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile",
            "code_challenge_method": "S256",
            "timeout": SECONDS,
            "default_timeout": SECONDS,
        },
    )


def _claims(client: Any, settings: Settings) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return the claims of the identity token for the code. Raises one of `_FAULTS` for any doubt."""
    metadata = client.load_server_metadata()
    if metadata.get("issuer") != settings.sso_issuer:
        raise ValueError("another issuer answers here")
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    metadata["id_token_signing_alg_values_supported"] = [name for name in offered if name in ALGORITHMS]
    options = {
        "iss": {"essential": True, "values": [settings.sso_issuer]},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "nonce": {"essential": True},
    }
    claims = client.authorize_access_token(claims_options=options)["userinfo"]
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise ValueError("no subject")
    return dict(claims)


def _person(staff: StaffFrame, settings: Settings, claims: dict[str, Any]) -> Person | None:
    """Return the person of the claims: the one linked to this subject, otherwise one who waits under the claim's name,
    or None.
    """
    people, issuer, subject = staff.authenticate.store.people, str(settings.sso_issuer), claims["sub"]
    known = people.linked(issuer, subject)
    if known is not None or settings.sso_claim is None:
        return known
    name = claims.get(settings.sso_claim)
    if not isinstance(name, str) or not name.strip():
        return None
    try:
        person = people.named(name)
        if people.has_password(person) or people.is_linked(person):
            return None  # An account at the provider never takes over an account here by its name
        people.link(person.name, issuer, subject, by=BY, at=request_instant())
    except (UnknownPerson, NameTaken):
        return None
    return person


def _refused(staff: StaffFrame, key: str) -> ResponseReturnValue:
    place = staff.authenticate.source(request)
    staff.authenticate.store.security.note(SecurityKind.SINGLE_SIGN_ON_REFUSED, at=request_instant(), place=place)
    return staff.fault(403, key)


def _onward(staff: StaffFrame, response: BaseResponse) -> ResponseReturnValue:
    """Redirect through a page of this site: a browser sends no strict cookie in a redirect that began at another
    site.
    """
    page = staff.page("staff/onward", path=response.location, said=Said("sso.onward"))
    for cookie in response.headers.getlist("Set-Cookie"):
        page.headers.add("Set-Cookie", cookie)
    return page
