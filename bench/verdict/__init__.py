"""The verdict: what a run's numbers are worth, by rules on what it observed."""
