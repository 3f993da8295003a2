"""The auditor: a process of its own that checks a recording against the API, over plain HTTP."""
