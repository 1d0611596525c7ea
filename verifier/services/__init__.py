"""What holders use beside a plain check-in: bookings, requests, matters, statements, erasure."""
