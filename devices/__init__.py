"""Counter hardware: readers, scanners, card profiles. Talks to the verifier over HTTP only."""
