"""The register: holders, grounds, cards, status indexes, the office log. Signs nothing."""
