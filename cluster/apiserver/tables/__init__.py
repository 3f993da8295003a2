"""Tables: the rows that kubectl prints, one file per kind. Not a hot path."""
