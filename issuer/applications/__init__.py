"""Applications, from the first form to a card or a refusal. The rules are pure; the register keeps everything else."""
