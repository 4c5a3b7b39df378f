"""Prints the names in a Terraform module's main.tf, block by block, as JSON: [["resource aws_iam_role", ["name", …]], …]."""
import json
import pathlib
import sys

import hcl2

# Terraform's own, whatever the provider.
OWN = {"lifecycle"}


def walk(path, body, found):
    names = [name for name in body if not name.startswith("__")]
    found.append([path, [name for name in names if name not in OWN]])
    for name in names:
        value = body[name]
        nested = value if isinstance(value, list) else [value]
        for block in nested:
            if isinstance(block, dict) and block.get("__is_block__") and name not in OWN:
                walk(f"{path}/{name}", block, found)


def main():
    found = []
    with (pathlib.Path(sys.argv[1]) / "main.tf").open() as file:
        module = hcl2.load(file)
    for kind in ("resource", "data"):
        for entry in module.get(kind, []):
            for quoted, instances in entry.items():
                for body in instances.values():
                    walk(f"{kind} {json.loads(quoted)}", body, found)
    json.dump(found, sys.stdout)


main()
