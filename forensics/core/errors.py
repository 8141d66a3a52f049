"""The errors a person sees: one line that names the file, what is wrong and what to do.

A command prints the message on stderr and exits with `exit_code`; library callers catch `ForensicsError`.
"""


class ForensicsError(Exception):
    """Bad input or an impossible request. The message is one line, fit for a terminal."""

    exit_code = 2


class ImageError(ForensicsError):
    """An image file that cannot be decoded within the limits."""


class CheckpointError(ForensicsError):
    """A weights file that is damaged, hostile, unknown, or does not fit the network it claims to be."""


class CorpusError(ForensicsError):
    """A corpus folder that is missing, damaged or made with other options."""


class DetectorError(ForensicsError):
    """A detector that cannot be loaded, trained or applied."""


class FacePackError(ForensicsError):
    """An InsightFace pack that is not there or cannot be used."""


class NetworkMissing(ForensicsError):
    """A published network that must be pulled first; the message has the command."""
