"""The control plane: API server, controllers, scheduler, hollow kubelets, and their client."""
