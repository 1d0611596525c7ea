"""The office's refusals: each has one message and one remedy, and never a name or the number of an ID."""


class RefusedError(Exception):
    """The register refuses this change. Nothing was changed. `hint` names the remedy."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class PoolEmpty(RefusedError):
    """No status index is both published as valid and free."""

    def __init__(self) -> None:
        super().__init__("no status index is ready for a new card", "python -m issuer publish, then try again")
