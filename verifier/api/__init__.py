"""The verifier's HTTP calls (DESIGN §9). Each reads, asks one part of the verifier, answers; no rule is here."""
