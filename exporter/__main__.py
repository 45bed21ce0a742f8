"""`python -m exporter` is the command `aircall-exporter`."""

import sys

from exporter.cli.main import main

sys.exit(main())
