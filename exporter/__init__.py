"""Prometheus exporter for Aircall."""

import os
import signal
import sys

if os.getpid() == 1:
    # The kernel drops a signal to a container's first process unless something handles it: one that comes
    # while the rest is loaded would be lost, and the container be killed long afterwards.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

from importlib.metadata import version

__version__ = version("aircall-exporter")
