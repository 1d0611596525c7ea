"""A verifier with the pages of its desks, in process and by a clock that stands: people, browsers, cards by number."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from accounts.rights import Grant
from accounts.store import AccountStore
from cards.claims import Form
from cards.numbers import generate
from edge.settings import load_settings
from tests.accounts.builders import opened
from tests.verifier.world import BASE, BY, World
from tests.web.staffing import PASSWORD, Browser
from web.department.pages import department_pages
from web.desk.pages import desk_pages
from web.staff.account import account_pages
from web.staff.frame import StaffFrame
from web.staff.signing_in import sign_in_pages


class DeskWorld(World):
    """One verifier with the desks' pages; `numbers` are the cards that its register knows.

    `phone`: what the register tells of everybody's telephone; None while it does not answer, empty where it has none.
    """

    def _open(self) -> None:
        self.numbers: dict[str, str] = {}
        self.phone: str | None = None
        super()._open()
        settings = load_settings({"YUNJU_VAR": str(self.folder), "YUNJU_BASE_URL": BASE})
        self.staff = StaffFrame(settings, self.programme, self.authenticate)
        self.staff.install(self.app)
        for pages in (sign_in_pages(self.staff), account_pages(self.staff)):
            self.app.register_blueprint(pages)
        self.app.register_blueprint(department_pages(self.staff, self.verifier))
        self.app.register_blueprint(desk_pages(self.staff, self.verifier))

    def _verifier(self):
        return replace(super()._verifier(), card_by_number=self.numbers.get, phone_of=lambda _card, _at: self.phone)

    def browser(self, *grants: str, name: str = "", factor: bool = True) -> Browser:
        """A browser of a new person with these roles, signed in; with `factor` by two steps."""
        store: AccountStore = self.accounts
        name = name or f"person.{len(store.people.list()) + 1}"
        at = self.clock.now()
        store.people.add(name, PASSWORD, [Grant.parse(one) for one in grants], by=BY, at=at)
        made = Browser(self.app, BASE, f"198.51.100.{len(store.people.list()) + 1}")
        token = opened(store, name, at, factor=factor).token
        made.client.set_cookie(self.authenticate.cookie, token)
        return made

    def numbered(self, tier: str, **changes: object) -> str:
        """Issue a printed card; the number under which the register knows it."""
        number = generate(self.programme.card_prefix, Random(len(self.numbers)))
        self.numbers[number] = self.card(tier, Form.PRINT, **changes).token
        return number
