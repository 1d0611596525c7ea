"""The verifier's HTTP calls (docs/design.md §9). Each reads, asks one part of the verifier, answers; no rule is
here.
"""
