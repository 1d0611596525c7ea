"""One file a change, never altered once released."""
