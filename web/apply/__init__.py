"""The public pages for applicants: which tier, the application in steps, its status. They work without a script."""
