"""The garbage collector: what objects own what, and what is to go when an owner has gone."""
