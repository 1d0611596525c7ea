"""One file a surface: what joins the surface to the application. A surface that is not switched on is not imported."""
