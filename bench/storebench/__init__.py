"""``kubedyno store-bench``: loading a store directly, in process or over its protocol."""
