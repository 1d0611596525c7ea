"""Pages of whoever runs the system: what is due, devices, operators, integrators, the account log, settings."""
