"""`/office/import`: a platform's file or a department's list is checked first, and imported with a second click."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField
from wtforms import RadioField, SelectField, StringField

from accounts.rights import Caller, Right
from cards.programme.types import Programme
from edge.http import body_limit, request_instant
from issuer.applications import drafts, importing
from issuer.applications.columns import NAMES, NoColumns
from issuer.applications.importing import ImportOptions
from issuer.applications.letters import ground_label
from issuer.applications.sheets import BadSheet
from issuer.register.errors import RefusedError
from web.office.shared import OfficePages, actor, departments_seen
from web.pages import page_language
from web.staff.forms import Longest, Needed, StaffForm, option, refuse, stripped
from web.staff.refusals import said

FILE_MOST: Final = 4_000_000
ROWS_MOST: Final = 5_000
"""The most rows that a page imports. For longer files, use `python -m issuer application import-list`."""
_SPARE: Final = 20_000


class ImportForm(StaffForm):
    """A file and its options."""

    kind = RadioField("office.import-kind", validators=[Needed()], validate_choice=True)
    channel = SelectField("office.import-channel", choices=[], validate_choice=False)
    department = SelectField("office.import-department", choices=[], validate_choice=False)
    ground = SelectField("office.ground", choices=[], validate_choice=False)
    reference = StringField("office.import-reference", [Longest(100)], filters=[stripped])
    file = FileField("office.import-file", [Needed()])


def add_importing(found: Blueprint, pages: OfficePages) -> None:
    """Add the form, the content of a file, and the import."""

    @found.route("/office/import", methods=["GET", "POST"])
    @body_limit(FILE_MOST + _SPARE)
    @pages.staff.needs(Right.APPLICATIONS)
    def choose(who: Caller) -> ResponseReturnValue:
        form = _form(pages, who)
        if not form.validate_on_submit():
            return pages.page("import", 422 if form.errors else 200, form=form)
        return _looked_at(pages, who, form)

    @found.post("/office/import/<draft>")
    @pages.staff.needs(Right.APPLICATIONS)
    def bring_in(who: Caller, draft: str) -> ResponseReturnValue:
        skip = request.form.get("skip_faulty") == "yes"
        by, at = actor(who), request_instant()
        try:
            done = drafts.finish(pages.issuer, draft, by=by, at=at, rows_most=ROWS_MOST, skip_faulty=skip)
        except RefusedError as error:
            pages.refused(error)
            return pages.staff.go("/office/import")
        pages.staff.tell("office.imported", count=done.new)
        return pages.staff.go("/office?tab=submitted")


def _looked_at(pages: OfficePages, who: Caller, form: ImportForm) -> ResponseReturnValue:
    options, data, at = _options(form), form.file.data.read(), request_instant()
    try:
        found = importing.look(pages.issuer, BytesIO(data), options, at=at, rows_most=ROWS_MOST)
    except BadSheet as error:
        refuse(form.file, f"office.import.{error.code}")
    except NoColumns as error:
        words = {word[0]: word[0] if page_language() == "zh" else word[-1] for word in NAMES.values()}
        names = pages.staff.word("mark.comma").join(words.get(name, name) for name in error.names)
        refuse(form.file, f"office.import.{error.code}", names=names)
    except RefusedError as error:
        told = said(str(error), error.hint, page_language())
        refuse(form.reference if "reference" in str(error) else form.department, told["said"] + told["hint"])
    else:
        draft = drafts.keep_draft(pages.issuer, data, options, by=actor(who), at=at)
        return pages.page("import-look", found=found, counts=found.told(), draft=draft, options=options)
    return pages.page("import", 422, form=form)


def _options(form: ImportForm) -> ImportOptions:
    ground, _, limb = (form.ground.data or "").partition("/")
    if form.kind.data == "list":
        return ImportOptions("list", "", form.department.data or "", ground, limb, form.reference.data or "")
    return ImportOptions("platform", form.channel.data or "", ground=ground, limb=limb)


def _form(pages: OfficePages, who: Caller) -> ImportForm:
    """Return the form. A reviewer of one department hands in only that department's lists."""
    programme, language, word = pages.issuer.programme, page_language(), pages.staff.word
    seen = departments_seen(who)
    form = ImportForm()
    kinds = ("list", "platform") if seen is None else ("list",)
    form.kind.choices = [option(kind, word(f"office.import-{kind}")) for kind in kinds]
    channels = [option(code, text.in_language(language)) for code, text in programme.channels.items()]
    form.channel.choices = [option("", word("office.import-by-column")), *channels]
    senders = [code for code in programme.departments if seen is None or code in seen]
    departments = [option(code, programme.departments[code].name.in_language(language)) for code in senders]
    form.department.choices = departments
    form.department.validate_choice = True
    form.ground.choices = [option("", word("office.import-by-column")), *_grounds(programme, language)]
    return form


def _grounds(programme: Programme, language: str) -> list[Any]:
    found = []
    for one in programme.grounds.values():
        tier = programme.tiers[one.tier].name.in_language(language) if one.tier else ""
        name = f"{tier} {ground_label(one.code, language)}"
        limbs = one.limbs if len(one.limbs) > 1 else ()
        found.append(option(one.code, f"{name} {one.text.in_language(language)}"[:60].strip()))
        found += [option(f"{one.code}/{limb.code}", f"{name} {limb.text.in_language(language)}"[:60]) for limb in limbs]
    return found
