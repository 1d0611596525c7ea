"""For operators of the system: background work, checks, backups. It may import every room; no room imports it."""
