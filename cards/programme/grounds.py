"""Who may apply and with what: the grounds and the documents of a programme file."""

from __future__ import annotations

from cards.programme.table import Table
from cards.programme.types import ApplicationDocument, Applying, DocumentVariant, Ground, Limb, Threshold

BY_DECISION = "by-decision"
OPERATORS = [">", ">=", "<", "<=", "="]
ID_TYPES = ["resident-id", "passport", "permit-hk-macao", "permit-taiwan", "other"]


def read_grounds(top: Table) -> dict[str, Ground]:
    """Read `[grounds.*]`. `tier = "by-decision"` means a ground that fixes no tier."""
    return {code: _ground(code, table) for code, table in top.entries("grounds", needed=True)}


def _ground(code: str, table: Table) -> Ground:
    tier = table.string("tier")
    limbs = tuple(_limb(row) for row in table.rows("limbs"))
    if not limbs:
        table.fault("limbs", "missing", "write at least one limb")
    if len({limb.code for limb in limbs}) != len(limbs):
        table.fault("limbs", "two limbs share a code", "give each its own")
    return Ground(
        code=code,
        tier=None if tier == BY_DECISION else tier,
        text=table.text("text"),
        limbs=limbs,
        documents=table.codes("documents"),
        reviewer=table.optional_string("reviewer"),
        raises=table.codes("raises"),
        basis_ends=table.flag("basis_ends"),
        by_list_only=table.flag("by_list_only"),
        assumed=table.optional_string("assumed"),
        list_from=table.codes("list_from"),
        group=table.optional_string("group"),
    )


def _limb(table: Table) -> Limb:
    return Limb(
        code=table.string("code"),
        text=table.text("text"),
        thresholds=tuple(_threshold(row) for row in table.rows("thresholds")),
        proofs=table.codes("proofs", needed=True),
        excludes=table.texts("excludes"),
    )


def _threshold(table: Table) -> Threshold:
    return Threshold(
        measure=table.string("measure"),
        operator=table.word("operator", OPERATORS),
        amount=table.integer("amount", 0, 10**15),
        unit=table.string("unit"),
    )


def read_documents(top: Table) -> dict[str, ApplicationDocument]:
    """Read `[documents.*]`."""
    return {code: _document(code, table) for code, table in top.entries("documents", needed=True)}


def _document(code: str, table: Table) -> ApplicationDocument:
    return ApplicationDocument(
        code=code,
        name=table.text("name"),
        needed=table.word("needed", ["always", "by-ground", "if-held"]),
        variants=tuple(_variant(row) for row in table.rows("variants")),
        checks=table.texts("checks"),
        grounds=table.codes("grounds"),
        assumed=table.optional_string("assumed"),
        part=table.word("part", ["basic", "special"]),
        number=table.integer("number", 1, 99),
        least_months=table.optional_integer("least_months", 1, 120),
        confirmed=table.flag("confirmed"),
        short=table.optional_text("short"),
    )


def _variant(table: Table) -> DocumentVariant:
    return DocumentVariant(
        code=table.string("code"),
        text=table.text("text"),
        id_type=table.word("id_type", ID_TYPES, "") or None,
        number=table.optional_integer("number", 1, 99) or 0,
        checks=table.texts("checks"),
        least_months=table.optional_integer("least_months", 1, 120),
    )


def read_applying(top: Table) -> Applying:
    """Read `[applying]`. Without it, the terms are the usual ones and the pages have no words of their own."""
    table = top.optional_table("applying")
    if table is None:
        return Applying()
    found = Applying(
        review_days=table.integer("review_days", 1, 250),
        decision_days=table.integer("decision_days", 1, 250),
        supplement_days=table.integer("supplement_days", 1, 250),
        file_most_bytes=table.integer("file_most_bytes", 100_000, 50_000_000),
        pages_most=table.integer("pages_most", 1, 500),
        groups=table.named_texts("groups"),
        measures=table.named_texts("measures"),
        refusals=table.named_texts("refusals"),
    )
    table.close()
    return found
