"""The auditors' part of the HTTP API: log, proofs, figures, reviews, reports."""
