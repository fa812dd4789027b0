"""What pytest leaves alone: programs that other tests run, or that make numbers."""

collect_ignore_glob = ["scripts/twins/*", "scripts/make_*.py", "oracle/make_*.py"]
