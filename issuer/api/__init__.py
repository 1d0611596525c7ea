"""The issuer's HTTP API: phones and servers."""
