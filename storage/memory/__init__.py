"""The memory engine: the whole contract without durability, and a history that is bounded."""
