"""The verifier's command lines."""
