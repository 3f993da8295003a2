"""The stations of a round: what is done with one server, and what is read off meanwhile."""
