"""The work of staff at a department's desk or a booking desk, for pages and calls alike. Rights are checked here."""
