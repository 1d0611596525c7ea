"""The printed card: face, QR code, PDF."""
