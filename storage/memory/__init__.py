"""The memory engine: the whole contract, old revisions and watches included, without durability."""
