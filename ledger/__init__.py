"""The ledger of check-ins: one interface, and one module for each store. It knows no rule except the limits that
callers hand in.
"""
