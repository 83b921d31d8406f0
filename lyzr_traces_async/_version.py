"""The version of the library. The build and the ``User-Agent`` header field read it from here."""

__version__ = "0.1.0"
