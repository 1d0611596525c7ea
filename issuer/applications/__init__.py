"""Applications: from what somebody sends to a card or a refusal. The rules are pure; the register keeps the rest."""
