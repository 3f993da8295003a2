"""What each served resource adds to the verbs: defaults, validation, update rules."""
