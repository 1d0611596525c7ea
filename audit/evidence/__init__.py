"""Evidence that anybody can check: chains, exports, checks in separate processes, watching and witnessing."""
