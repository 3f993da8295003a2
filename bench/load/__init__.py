"""Load by locust: users that behave as kubelets and as people with kubectl.

The only gevent code here: it runs in a process of its own (``python -m bench.load.main``), which
loads no asyncio part of kubedyno. The command in ``bench.commands.locust`` starts it.
"""
