"""The verifier's HTTP calls (docs/design.md §9). Each call reads the request, asks one part of the verifier, and
answers. No rule is here.
"""
