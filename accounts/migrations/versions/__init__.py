"""One file for each change. A released file is never altered."""
