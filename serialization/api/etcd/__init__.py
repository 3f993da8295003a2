"""Generated from serialization/proto by ``make proto``: do not edit."""
