"""One file for each surface, which joins the surface to the application. A surface that is not enabled is not
imported.
"""
