"""Holders and cards: the register, issuing, lifecycle, status lists, enrolment, printing."""
