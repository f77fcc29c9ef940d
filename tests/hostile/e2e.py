"""Importing this makes the modules of tests/e2e importable: worlds, hosts, processes, observers."""
import pathlib
import sys

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
