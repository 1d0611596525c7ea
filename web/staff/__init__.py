"""The frame of the pages for staff: sign-in, one navigation by rights, plain forms that work without a script."""
