"""What the controllers of endpoints and of endpoint slices share: services, their pods, ports."""
