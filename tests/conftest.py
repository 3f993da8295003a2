"""What all tests share: how properties are searched.

No property has a deadline, since the machine may be busy, and each searches the same examples in
every run: a test tells what has changed, not what chance has found. ``--hypothesis-profile=search``
draws other examples each time, for whoever looks for faults.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("search", deadline=None)
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.load_profile("fixed")
