"""Bookings: rooms, flights, check-ups, events."""
