"""The scheduler: a queue of unassigned pods, a model of the nodes, a decision, a binding."""
