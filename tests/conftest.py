"""What all tests share: no property has a deadline, since the machine may be busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no-deadline", settings(), deadline=None)
settings.load_profile("no-deadline")
