"""Controllers: one file per resource, each a level-driven ``sync(key)`` that the runner calls."""
