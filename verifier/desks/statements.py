"""A department's statements, for callers with the right to read them. The access log records each reading."""

from __future__ import annotations

from datetime import datetime

from accounts.rights import Caller, Right
from edge.problems import Problem
from verifier.records.store import Access
from verifier.service import Verifier
from verifier.services.statements.service import DepartmentMonth, StatementService, paying_points


class StatementDesk:
    """Reads and closes a department's months for a caller."""

    def __init__(self, verifier: Verifier) -> None:
        """Work with the verifier's services."""
        self._verifier = verifier

    @property
    def statements(self) -> StatementService:
        """The service that counts the uses."""
        return self._verifier.statements

    def departments(self, caller: Caller) -> tuple[str, ...]:
        """Return the departments whose statements a caller may read, by rights at each of their points."""
        return tuple(code for code in self._verifier.programme.departments if self._may(caller, code))

    def month(self, caller: Caller, department: str, month: str, at: datetime) -> DepartmentMonth:
        """Return a department's month; Problem not-permitted."""
        self.require(caller, department)
        self._record(caller, department, f"department {department} {month}..{month}", at)
        return self.statements.month(department, month, at)

    def close(self, caller: Caller, department: str, month: str, at: datetime) -> DepartmentMonth:
        """Close a department's month. Problems: not-permitted, month-closed, month-not-next."""
        self.require(caller, department)
        found = self.statements.close(department, month, caller.id, at)
        self._record(caller, department, f"department {department} {month} closed", at)
        return found

    def closed(self, caller: Caller, department: str, month: str, at: datetime) -> DepartmentMonth:
        """Close a month as `close` does. If this caller closed the month before, return it: the call was sent again."""
        self.require(caller, department)
        found = self.statements.month(department, month, at)
        if found.closing is not None and found.closing.closed_by == caller.id:
            return found
        return self.close(caller, department, month, at)

    def require(self, caller: Caller, department: str) -> None:
        """Raise Problem not-permitted unless the caller reads the statements of each point of a department."""
        if not self._may(caller, department):
            raise Problem("not-permitted")

    def _may(self, caller: Caller, department: str) -> bool:
        points = paying_points(self._verifier.programme, department)
        return bool(points) and all(caller.may(Right.STATEMENT, point) for point in points)

    def _record(self, caller: Caller, department: str, what: str, at: datetime) -> None:
        point = paying_points(self._verifier.programme, department)[0]
        self._verifier.store.record(Access("statement", caller.id, what, caller.operator_id, point), at)
