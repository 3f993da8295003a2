"""``kubedyno api-bench``: single operations against a Kubernetes API, measured from outside.

The generator is a process of its own (``generator``), so is whoever watches (``watchers``); the
command (``orchestration``) starts them, the API server where it is its own, and judges what came.
"""
