"""The forms of an application: person, employer, ground, a paper, and the two fields of the status page."""

from __future__ import annotations

from wtforms import BooleanField, DateField, EmailField, FileField, RadioField, SelectField, StringField
from wtforms.validators import Optional

from issuer.applications.content import TEXT_MOST
from issuer.register.identity import IdType
from web.staff.forms import Longest, Needed, StaffForm, figures, option, stripped

ID_TYPES = [option(kind.value, f"apply.id.{kind.value}") for kind in IdType]


class PersonForm(StaffForm):
    """The applicant. A number is never shown again: after any fault, the applicant types it again."""

    name = StringField("apply.name", [Needed(), Longest(60)], filters=[stripped])
    id_type = RadioField("apply.id-type", [Needed()], choices=ID_TYPES, default=IdType.RESIDENT_ID.value)
    id_number = StringField("apply.id-number", [Needed(), Longest(40)], filters=[stripped])
    id_country = StringField("apply.id-country", [Longest(3)], filters=[stripped])
    phone = StringField("apply.phone", [Needed(), Longest(40)], filters=[stripped])
    email = EmailField("apply.email", [Longest(254)], filters=[stripped])


class EmployerForm(StaffForm):
    """Where the applicant works."""

    employer = StringField("apply.employer", [Needed(), Longest(TEXT_MOST)], filters=[stripped])
    employer_kind = RadioField("apply.employer-kind", [Needed()], choices=[])
    post = StringField("apply.post", [Longest(TEXT_MOST)], filters=[stripped])


class GroundForm(StaffForm):
    """Ground and limb, and the figures that the limb asks for."""

    ground = SelectField("apply.ground", [Needed()], choices=[])


class PaperForm(StaffForm):
    """The applicant's data about one paper, and a file of this paper."""

    variant = RadioField("apply.variant", [Optional()], choices=[], validate_choice=False)
    begins = DateField("apply.begins", [Optional()])
    ends = DateField("apply.ends", [Optional()])
    check_0 = BooleanField("")
    check_1 = BooleanField("")
    file = FileField("apply.file")


class StatusForm(StaffForm):
    """A receipt number and its secret code."""

    receipt = StringField("apply.receipt", [Needed(), Longest(40)], filters=[figures])
    code = StringField("apply.code", [Needed(), Longest(40)], filters=[figures])
