"""The one error that a person can fix."""


class UserError(Exception):
    """Bad input: the message names the value, the place and the remedy.

    The command line prints it as one line and exits with code 2; no traceback.
    """
