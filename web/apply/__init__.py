"""The public pages for applicants: the self-check, the application in steps, and its status. They work without a
script.
"""
