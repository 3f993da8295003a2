"""The verbs, a file each: decide synchronously, then await the store."""
