"""The frame of pages for staff: signing in, one navigation by rights, plain forms that work without a script."""
