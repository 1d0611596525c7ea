"""An employer's clerk in a test's hand: a code that a holder's phone would have made."""

from __future__ import annotations

from datetime import timedelta

from cards.claims import Form
from issuer.issuing.issuing import issue
from tests.web.site import BY, Site
from verifier.records.store import VerifierStore
from verifier.rules.delegations import Delegation, spaced_code

EMPLOYER = "白云区某生物科技有限公司"


def clerk_code(site: Site, service: str = "green-channel", employer: str = EMPLOYER, tier: str = "diamond") -> str:
    """Let a new holder send a clerk for a service; returns the code as it is shown, in groups."""
    at, operation = site.clock.now(), f"clerk-{site.clock.now().timestamp()}"
    holder = site.holder(tier, "周以宁")
    card = issue(site.office.desk, holder, Form.PRINT, by=BY, at=at)
    site.publish()
    wanted = Delegation("", holder, card.token, service, employer, at, at + timedelta(days=7))
    store = VerifierStore.open(site.settings.verifier_url, site.settings.secret())
    try:
        return spaced_code(store.delegations.make(operation, wanted)[1])
    finally:
        store.close()
