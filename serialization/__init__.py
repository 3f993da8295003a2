"""Kubernetes objects as protobuf messages, and their encodings in JSON and protobuf."""
