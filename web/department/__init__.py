"""Departments' pages: requests and matters, records that wait, statements, lists."""
