"""What fools people in a data set: copies across splits, and properties that alone tell real from fake."""

from training.audit.stored import audit_says, audit_warnings

__all__ = ["audit_says", "audit_warnings"]
