"""A phone's way to a card: codes, enrolment, refresh, blocking."""
