"""Check-ins that devices made offline: their records are read, judged and recorded, and contradictions are reported."""
