"""The figures of the reports: a file a figure, drawn with matplotlib, listed in ``registry``."""
