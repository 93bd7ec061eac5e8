"""What can go wrong with the trial, told to the user."""


class TrialError(Exception):
    """Something does not start; the message names it and the way out."""
