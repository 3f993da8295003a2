"""Our engines behind real protocols."""
