"""Run the command line as ``python -m hpopt``."""

import sys

from hpopt.cli import main

sys.exit(main())
