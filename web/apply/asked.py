"""The papers that an application asks for."""

from __future__ import annotations

from issuer.applications.papers import Requirement, requirements
from issuer.applications.records import Application
from issuer.register.identity import IdType
from web.apply.shared import ApplyPages


def asked_of(pages: ApplyPages, held: Application | None) -> tuple[Requirement, ...]:
    """Return the papers of an application; none before its ground is chosen."""
    if held is None or held.ground is None:
        return ()
    ground, limb = held.named_ground(pages.issuer)
    return requirements(pages.issuer.programme, ground, limb, IdType(held.content.id_type))
