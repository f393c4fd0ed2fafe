"""`python -m openai_compat` is the helix command."""

import sys

from openai_compat.cli import main

sys.exit(main())
