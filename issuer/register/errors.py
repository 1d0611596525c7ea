"""The office's refusals: one message and one remedy each, never a name or a number of an ID."""


class RefusedError(Exception):
    """The register does not take this change; nothing was changed. `hint` names the remedy."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class PoolEmpty(RefusedError):
    """No status index has been published as valid and is still free."""

    def __init__(self) -> None:
        super().__init__("no status index is ready for a new card", "python -m issuer publish, then try again")
