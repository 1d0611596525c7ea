"""What is due on a machine: facts as they lie, the rules that judge them, and what to do in two languages."""
