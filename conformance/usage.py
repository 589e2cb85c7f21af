"""What a user may ask for wrongly.  A module of its own, so that raising it costs no import."""


class UsageError(ValueError):
    """A request that makes no sense; the message says what was given and what is allowed."""
