"""The API server: Kubernetes' REST over a store and a watch cache."""
