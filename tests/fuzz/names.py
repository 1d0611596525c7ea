"""The targets' names by the module that has them: a process imports the one that it runs."""

MODULES = {
    "texts": (
        *("presentation", "wire-body", "base45-text", "scanned-text", "typed-text", "card-number", "instant"),
        *("json-text", "address"),
    ),
    "documents": (
        *("signed-claims", "status-list", "binding-list", "trust-bundle", "holder-marks", "offline-record", "promise"),
        *("call-proof", "note", "witness-request", "leaf", "export-file"),
    ),
    "chips": ("ndef-message", "data-objects", "scanner-bytes", "card-answers", "any-answers"),
    "files": (
        *("programme-file", "workbook", "list-of-applications", "paper", "portrait", "moved-ledger", "settings"),
    ),
    "servers": ("receiver-answer", "put-off", "server-answer", "refused-answer", "programme-json"),
    "engines": (
        *("presentation-in-both", "typed-in-both", "json-in-both", "bundle-in-both", "list-in-both"),
        "verdict-in-both",
    ),
    "calls": ("call",),
}
NAMES = {name: module for module, names in MODULES.items() for name in names}
