"""What each part costs. Each figure stands beside a floor that was measured in the same run. `make bench` runs it."""
