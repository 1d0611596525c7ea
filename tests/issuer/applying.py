"""Applications of the tests: handed in, reviewed, decided, with sensible defaults."""

from datetime import timedelta
from io import BytesIO

from reportlab.pdfgen.canvas import Canvas

from issuer.applications import office, service
from issuer.applications.content import Applicant
from issuer.applications.deciding import approve
from issuer.applications.papers import Paper, after_months, ground_of, requirements
from issuer.applications.records import find
from issuer.applications.states import OfficePerson
from issuer.register.identity import IdType
from tests.issuer.builders import NOON, TODAY, identity, photo

OFFICER = OfficePerson("person:officer", reviews=frozenset({"*"}))
APPROVER = OfficePerson("person:approver", decides=frozenset({"*"}))
BOTH = OfficePerson("person:both", reviews=frozenset({"*"}), decides=frozenset({"*"}))
LATER = NOON + timedelta(days=1)
FACTS = {
    "diamond-14": {"world-rank": 3, "china-rank": 3},
    "diamond-17": {"district-tax": 10_000_001, "output-or-revenue": 500_000_000, "investment": 4_000_000_001},
    "diamond-18": {"promised-tax": 30_000_000},
    "gold-11": {"district-tax": 8_000_001, "output-or-revenue": 300_000_000, "investment": 2_000_000_001},
    "gold-12": {"contribution": 300_000},
    "silver-2": {"firm-age": "2023-11-02"},
    "silver-3": {"university-rank": 500},
    "silver-7": {"district-tax": 5_000_001, "output-or-revenue": 100_000_000, "investment": 1_000_000_001},
}


def pdf(text="paper"):
    """Return a PDF of one page."""
    target = BytesIO()
    canvas = Canvas(target)
    canvas.drawString(72, 720, text)
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def person(name="何嘉欣", number=None, *, email="", phone=""):
    """Return what somebody typed; without a number a new one each time."""
    return Applicant(name, IdType.RESIDENT_ID.value, number or identity().number, phone=phone, email=email)


def begun(desk, who=None, *, at=NOON, by="applicant", **told):
    """Begin an application and return its receipt, code and id."""
    return service.begin(desk, who or person(**told), language="zh", at=at, by=by)


def filled(desk, ground="gold-6", limb="a", *, at=NOON, by="applicant", without=(), **told):
    """Return the id of an application that is ready to be handed in, but for the papers `without`."""
    made = begun(desk, at=at, by=by, **told)
    service.choose_ground(desk, made.id, ground, limb, at=at, by=by)
    changes = {"employer": "白云区某生物科技有限公司", "employer_kind": "registered-or-taxed"}
    service.fill_in(desk, made.id, changes | {"facts": FACTS.get(ground, {})}, at=at, by=by)
    for asked in requirements(desk.programme, *ground_of(desk.programme, ground, limb), IdType.RESIDENT_ID):
        if asked.needed and asked.key not in without:
            give(desk, made.id, asked, at=at, by=by)
    return made.id


def give(desk, application_id, asked, *, at=NOON, by="applicant", months=None):
    """Hand in one paper as it should be, or covering so many months."""
    variant = asked.variants[0].code if asked.variants else None
    span = months or asked.months_for(variant)
    ticks = frozenset(range(len(asked.checks_for(variant)))) if asked.confirmed else frozenset()
    begins = TODAY if span else None
    ends = after_months(TODAY, span) - timedelta(days=1) if span else None
    service.tell_paper(desk, application_id, Paper(asked.key, 0, variant, begins, ends, ticks), at=at, by=by)
    data = photo() if asked.key == "photo" else pdf(asked.key)
    service.attach(desk, application_id, asked.key, data, at=at, by=by)


def handed_in(desk, ground="gold-6", limb="a", *, at=NOON, by="applicant", **told):
    """Return the id of an application that was handed in."""
    application_id = filled(desk, ground, limb, at=at, by=by, **told)
    service.hand_in(desk, application_id, at=at, by=by)
    return application_id


def all_seen(desk, application_id, officer=OFFICER, *, at=LATER):
    """Claim an application and tick everything that an officer has to see."""
    office.claim(desk, application_id, officer, at=at)
    found = find(desk, application_id)
    ground, limb = found.named_ground(desk)
    for asked in requirements(desk.programme, ground, limb, IdType.RESIDENT_ID):
        known = next((paper for paper in found.papers if paper.key == asked.key), None)
        if known is not None and known.files:
            seen = frozenset(range(len(asked.checks_for(known.variant))))
            office.check_paper(desk, application_id, asked.key, seen, officer, at=at)
    told = {"exclusions_seen": True, "basis_ends": TODAY + timedelta(days=700)}
    if ground.list_from:
        told["listed_by"] = ground.list_from[0]
    if ground.tier is None:
        told |= {"tier": "gold", "reference": "云人才〔2026〕3号", "body": "区人才工作领导小组"}
    office.tell(desk, application_id, told, officer, at=at)


def reviewed(desk, ground="gold-6", limb="a", *, officer=OFFICER, at=LATER, **told):
    """Return the id of an application that passed its first review."""
    application_id = handed_in(desk, ground, limb, **told)
    all_seen(desk, application_id, officer, at=at)
    office.forward(desk, application_id, officer, advice="approve", at=at)
    return application_id


def approved(desk, ground="gold-6", limb="a", *, at=LATER, **told):
    """Return an application's id and what its approval made."""
    application_id = reviewed(desk, ground, limb, at=at, **told)
    return application_id, approve(desk, application_id, APPROVER, at=at)
