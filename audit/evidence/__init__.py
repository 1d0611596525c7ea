"""Evidence that anybody can check: chains, exports, checks in processes of their own, watching and witnessing."""
