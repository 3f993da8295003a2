"""The two clients of the comparison: cheap, and counted by the kernel."""
