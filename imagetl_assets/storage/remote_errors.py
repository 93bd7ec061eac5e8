"""What the errors of a remote file system mean for a store."""

from __future__ import annotations

# Errors that trying again does not change: no permission, no such bucket, no valid name.
_PERMANENT = (PermissionError, FileNotFoundError, ValueError)
_PERMANENT_STATUS = (400, 401, 403, 404)  # in answers, as Azure's library tells them


def is_permanent(error: BaseException) -> bool:
    """Tell whether trying again does not change an error, which a library may have wrapped."""
    if isinstance(error, _PERMANENT):
        return True
    causes = (error, error.__cause__)
    return any(getattr(cause, "status_code", None) in _PERMANENT_STATUS for cause in causes)
