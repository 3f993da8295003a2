"""How objects are told: as they are, by their metadata alone, or as rows of a table.

Begin at ``interface.View``; ``choice`` picks one for a request.
"""
