"""What can go wrong when a results directory is read."""


class ReportError(Exception):
    """A results directory that cannot be reported; one line, naming the file and the key."""
