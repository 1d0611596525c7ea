"""What the issuer signs and publishes: trust bundle, status lists, holder marks."""
