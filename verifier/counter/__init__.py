"""The counter's steps: look, decide, record, answer."""
