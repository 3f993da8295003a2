"""What loads are made of: the pod, and how pods are spread over controllers and namespaces."""
