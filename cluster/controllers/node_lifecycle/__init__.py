"""The node lifecycle: nodes that stop to report are told, tainted, and in the end emptied."""
