"""Webhooks: who is told of which events, what waits, and the sending. Knows neither check-ins nor applications."""
