"""Key files, key sets, strict signing and verification of tokens, the trust bundle."""
