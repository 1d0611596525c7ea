"""Who may do what: people, devices, integrators, operators, and their rights per point and action."""
