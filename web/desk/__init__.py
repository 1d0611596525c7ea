"""The booking desk's pages: a point's day, bookings by telephone, events."""
