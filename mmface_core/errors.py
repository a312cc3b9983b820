"""The one exception type that stands for a user's error rather than a fault of ours."""


class UserError(Exception):
    """A sentence for the person at the keyboard: what is wrong, where, and what to do about it.

    The command line prints it without a traceback and exits with status 2 (see `mmface_core.cli`).
    """
