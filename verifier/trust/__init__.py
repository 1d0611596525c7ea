"""What the verifier trusts: signed documents, fetched, kept and held to their versions."""
