"""The two kinds of failure that are not bugs: a user's mistake, and a sample that cannot be answered."""


class UserError(Exception):
    """A mistake that the user can mend. The command line prints the message alone and exits with 2.

    The message is one readable line that names the file, key or sample and says how to mend it.
    """


class SampleError(Exception):
    """One sample cannot be answered (an unreadable image, say). The run records the reason and goes on."""


class MissingToolError(UserError):
    """A program or package that only a part of the work needs is not installed; says how to install it."""
