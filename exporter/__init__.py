"""Prometheus exporter for Aircall."""

import os
import signal
import sys

if os.getpid() == 1:
    # The kernel drops signals to a container's first process that it does not handle. A SIGTERM during the
    # imports would be lost, and the container would be killed only after the stop timeout.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

from importlib.metadata import version

__version__ = version("aircall-exporter")
