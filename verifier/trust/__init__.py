"""What the verifier trusts: signed documents, which are fetched, kept, and compared with their earlier versions."""
