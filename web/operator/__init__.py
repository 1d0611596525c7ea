"""Pages for operators of the system: what is due, devices, operators, integrators, the account log, settings."""
