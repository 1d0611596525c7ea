"""The state of a machine: facts as they are, the rules that judge them, and remedies in two languages."""
