"""`python -m helix` is the helix command, which lives beside the server that it starts."""

import runpy

runpy.run_module("openai_compat", run_name="__main__", alter_sys=True)
