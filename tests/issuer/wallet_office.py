"""An office with the wallet's calls, and what a counter says of its phones."""

from cards.presentation import read
from cards.status import StatusLists
from cards.verify import Trust, Verified, verify_presentation
from cards.wire import dictionary_of
from edge.clock import FixedClock
from edge.http import create_frame
from issuer.api.wallet import blueprint
from issuer.enrolment.enrolling import make_code
from issuer.issuing.issuing import cards_of
from tests.issuer.builders import (
    BY,
    NOON,
    person,
    published_bundle,
    published_list,
    resident_id,
)
from tests.issuer.wallet_client import Phone

NUMBER = resident_id("19851129", 362)
LAST4 = NUMBER[-4:]


class Office:
    """A desk, a clock, an application with the wallet's calls, and one holder."""

    def __init__(self, desk):
        self.desk = desk
        self.clock = FixedClock(NOON)
        self.app = self.application()
        self.holder = person(desk, number=NUMBER)

    def application(self):
        app = create_frame("issuer", clock=self.clock)
        app.register_blueprint(blueprint(self.desk, self.clock))
        return app

    def phone(self, **given):
        return Phone(self.app.test_client(), self.clock, **given)

    def code(self, holder=None):
        return make_code(self.desk, (holder or self.holder).id, by=BY, at=self.clock.now()).code

    def enrolled(self):
        phone = self.phone()
        assert phone.enrol(self.code(), LAST4).status_code == 201
        return phone

    def live(self):
        return [card for card in cards_of(self.desk, self.holder.id) if card.state.live]


def verdict(office, phone):
    """What a counter says of the QR that the phone shows now."""
    at, desk = office.clock.now(), office.desk
    bundle = published_bundle(desk, at=at)
    lists = StatusLists(published_list(desk, number, at=at) for number in (0, 1))
    trust = Trust(bundle.key_set(), desk.programme.issuer, desk.programme.audience, lists, bundle.version)
    dictionary = dictionary_of(desk.programme)
    shown = read(phone.presentation(desk.programme), {dictionary.number: dictionary})
    found = verify_presentation(shown, trust, at, id_checked=False)
    return "verified" if isinstance(found, Verified) else found.reason


def code_of(answer):
    """Return an answer's status and problem code."""
    return answer.status_code, answer.json["code"]


REFUSED = (403, "enrolment-refused")
BAD_TOKEN = (401, "bad-token")
BAD_PROOF = (401, "bad-wallet-proof")
