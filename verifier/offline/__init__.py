"""Check-ins that devices made offline: their records read, judged, recorded, and what they contradict reported."""
