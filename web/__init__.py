"""Pages: counter, wallet, office, audit, and the application that joins the surfaces."""
