"""Who may apply and with what: the grounds and the documents of a programme file."""

from __future__ import annotations

from cards.programme.table import Table
from cards.programme.types import ApplicationDocument, DocumentVariant, Ground, Limb, Threshold

BY_DECISION = "by-decision"
OPERATORS = [">", ">=", "<", "<=", "="]
ID_TYPES = ["resident-id", "passport", "permit-hk-macao", "permit-taiwan", "other"]


def read_grounds(top: Table) -> dict[str, Ground]:
    """Read `[grounds.*]`; `tier = "by-decision"` is a ground that fixes no tier."""
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
    )


def _variant(table: Table) -> DocumentVariant:
    return DocumentVariant(
        code=table.string("code"),
        text=table.text("text"),
        id_type=table.word("id_type", ID_TYPES, "") or None,
        number=table.optional_integer("number", 1, 99) or 0,
    )
