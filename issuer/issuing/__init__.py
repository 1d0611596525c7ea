"""Cards: issuing, renewing, suspending, revoking."""
