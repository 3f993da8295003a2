"""The fan-out of watch events: groups of watchers that share bytes, and two ways to write them."""
