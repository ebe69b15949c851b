"""The one exception class for errors a user can fix."""


class UserError(Exception):
    """Bad input: the message names the value, where it is and how to fix it.

    The command line prints it as one line, without a traceback, and exits with code 2.
    """
