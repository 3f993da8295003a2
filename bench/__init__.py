"""Load, measurements, verdicts: everything that puts a control plane on the dynamometer."""
