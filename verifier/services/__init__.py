"""The services for holders beyond a plain check-in: bookings, requests, matters, statements, erasure."""
