"""The client of the Kubernetes API: transport, typed calls, reflector, informer, workqueue.

Controllers, scheduler, kubelets and load generators know the API only through this package.
"""
