"""The card as it is printed: face, QR code, PDF."""
