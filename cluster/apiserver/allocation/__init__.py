"""What the server hands out of pools when an object is written: addresses and ports of services."""
