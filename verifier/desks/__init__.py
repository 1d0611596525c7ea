"""What staff do at a department's desk or a booking desk, for pages and calls alike. Rights are asked here."""
