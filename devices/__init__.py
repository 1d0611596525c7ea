"""Counter hardware: cards and readers, QR scanners, and the agent that checks in by tap over the verifier's HTTP."""
