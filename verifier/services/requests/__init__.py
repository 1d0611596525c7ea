"""Requests for services that have no counter."""
