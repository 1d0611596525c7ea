"""Rules that decide: pure functions of card, programme, usage and one instant. They open nothing."""
