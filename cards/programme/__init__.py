"""The programme file: tiers, grounds, services, quotas, points, as typed objects."""
