"""The history checker: reads what the processes of a run wrote down and judges it."""
