"""Runs focus-validator 2.2.1 on a file, offline, and prints what it says of each rule as JSON: `passed`, `failed` or `skipped`.

Its exit code is 0 whatever it finds, so its XML is read. Two things of it are mended on the way, and no rule is touched: one
line of it is Python 3.12, and it reads a table of its own by a path that is relative to where it is installed.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

# The quotes within the quotes of an f-string.
NEWER = """f"'{k.replace('\\"', '\\"\\"')}'" for k"""
OLDER = """"'" + k.replace('"', '""') + "'" for k"""
CONVERTER = "focus_validator.config_objects.focus_to_duckdb_converter"


class Mended(importlib.machinery.SourceFileLoader):
    """Loads the one module with the one line in older words."""

    def get_data(self, path: str) -> bytes:
        data = super().get_data(path)
        return data.replace(NEWER.encode(), OLDER.encode()) if path.endswith(".py") else data

    def get_code(self, fullname: str):  # noqa: ANN201
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class Finder:
    """Finds the module that needs it, and no other."""

    @staticmethod
    def find_spec(name: str, path: object, target: object = None) -> object:
        if name != CONVERTER:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path, target)
        return importlib.util.spec_from_loader(name, Mended(name, found.origin), origin=found.origin)


def main(file: str) -> None:
    file = str(Path(file).resolve())
    sys.meta_path.insert(0, Finder)
    os.environ["LOG_LEVEL"] = "ERROR"
    import focus_validator
    from focus_validator.main import main as validate

    os.chdir(Path(focus_validator.__file__).parent.parent)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        out, sys.stdout = sys.stdout, sys.stderr
        sys.argv = ["focus-validator", "--block-download", "--data-file", file, "--validate-version", "1.2"]
        sys.argv += ["--applicability-criteria", "ALL", "--output-type", "unittest", "--output-destination", str(report)]
        validate()
        sys.stdout = out
        print(json.dumps(dict(verdicts(report))))


def verdicts(report: Path):  # noqa: ANN201
    """Each rule and its verdict. What only gathers other rules is left out: it fails where one of them does."""
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        rule, kind = case.attrib["name"].split(" :: ")
        tags = {child.tag for child in case}
        verdict = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
        if kind != "Composite":
            yield rule, verdict


main(sys.argv[1])
