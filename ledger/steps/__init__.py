"""The steps that follow a check-in, written once for every store. They work on a `Workspace`, which each store
implements.
"""
