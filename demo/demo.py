"""The demo: a customer's role, its bill and its exact costs, end to end on this machine.

`make demo` runs it; `make demo ONCE=1` ends by itself, with status 0 only if all of it worked. `BILLCONNECT_BIN` names
a binary to use instead of building one. Everything that it writes is in `.demo/`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "kit"))

import build  # noqa: E402
import costs  # noqa: E402
import talk  # noqa: E402
from customer import Customer, Principal, make_operator  # noqa: E402
from emulator import Emulator, EmulatorError  # noqa: E402
from product import Caller, Product, ProductError, Server, curl, exact  # noqa: E402
from talk import say  # noqa: E402

FOLDER = ROOT / ".demo"
ORG_NAME = "Example Ltd"
ROLE_NAME = "billconnect"
MONTHS = 3
IMPORT_WITHIN_SECONDS = 600


class DemoError(RuntimeError):
    """Something in the story did not come out right."""


def main() -> None:
    """The table of contents."""
    steps = talk.Steps(8)
    FOLDER.mkdir(exist_ok=True)
    with ExitStack() as running:
        only_one(running.enter_context((FOLDER / "lock").open("w")))
        steps.next("Building billconnect")
        binary = build.binary(ROOT, FOLDER / "build.log")
        for old in ("sample", "data"):
            shutil.rmtree(FOLDER / old, ignore_errors=True)
        steps.next("Writing a sample bill of three months")
        totals = write_sample(binary)
        steps.next("Starting an AWS on this machine, with an operator and a customer")
        aws = running.enter_context(Emulator(FOLDER / "emulator.log"))
        operator = make_operator(aws.endpoint)
        customer = make_customer(aws.endpoint, totals)
        product = Product(binary, FOLDER / "data", environment(operator.environment(aws.endpoint)))
        steps.next("Making an org, and the customer's role from what `billconnect setup aws` prints")
        org, role = make_role(product, customer, (operator, totals["bucket"]))
        steps.next("Starting `billconnect serve` and getting a token")
        server = running.enter_context(product.serve(FOLDER / "serve.log"))
        caller, token = get_token(product, server, org)
        steps.next("Connecting the customer's bill with the published request")
        connect_id = connect(server, (org, token), (totals, role))
        steps.next("Waiting for the bill")
        wait_for_import(server, caller, connect_id)
        steps.next("Costs, to the last digit")
        show_costs(product, caller, totals)
        check_receipts(product, org)
        check_costs(caller, totals)
        what_next(product, server, (org, token))
        if not os.environ.get("ONCE"):
            say(talk.dim("Serving until Ctrl-C."))
            server.wait()


def only_one(lock: TextIO) -> None:
    """Two demos would take each other's folder away."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DemoError(f"another demo runs in {FOLDER}; end it first") from error


def environment(aws: dict[str, str]) -> dict[str, str]:
    """This process's environment with the operator's AWS settings in place of its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BILLCONNECT_"))} | aws


def write_sample(binary: Path) -> dict[str, Any]:
    sample = FOLDER / "sample"
    product = Product(binary, FOLDER / "data", environment({}))
    product.run("sample-bill", "--out", str(sample), "--months", str(MONTHS))
    totals: dict[str, Any] = exact((sample / "totals.json").read_text())
    rows, months = totals["overall"]["rows"], list(totals["months"])
    say(f"{rows} lines from {months[0]} to {months[-1]}, and beside them the totals that a right reader must find")
    return totals


def make_customer(endpoint: str, totals: dict[str, Any]) -> Customer:
    customer = Customer(endpoint, totals["payer_account"])
    customer.make_organization()
    customer.make_bucket(totals["bucket"])
    files = customer.upload(FOLDER / "sample" / "bucket", totals["bucket"])
    say(f"{endpoint} checks signatures, trust policies and permissions")
    say(f"payer account {customer.account} with an organization; {files} files in bucket {totals['bucket']}")
    return customer


def make_role(product: Product, customer: Customer, known: tuple[Principal, str]) -> tuple[str, str]:
    """The org's id, and the ARN of a role with exactly the policies that setup prints."""
    operator, bucket = known
    org = str(product.ask("org", "create", "--name", ORG_NAME)["id"])
    setup = product.ask("setup", "aws", "--org", org, "--bucket", bucket, "--operator-principal", operator.arn)
    role = customer.make_role(ROLE_NAME, setup["trust_policy"], setup["permission_policy"])
    say(f"org {org} ({ORG_NAME}); role {role}")
    for statement in setup["permission_policy"]["Statement"]:
        actions = statement["Action"]
        say(f"may {actions if isinstance(actions, str) else ', '.join(actions)}")
    condition = setup["trust_policy"]["Statement"]
    condition = condition[0] if isinstance(condition, list) else condition
    say(f"by {operator.arn}, where {json.dumps(condition['Condition'])}")
    return org, role


def get_token(product: Product, server: Server, org: str) -> tuple[Caller, str]:
    refresh = product.ask("token", "create", "--org", org, "--role", "admin")["refresh_token"]
    say(f"{server.url}; log in {FOLDER.name}/serve.log")
    shown = ["curl", "-X", "POST", f"{server.url}/oidc/token", "-d"]
    say(talk.dim(f"$ {shlex.join([*shown, f'grant_type=refresh_token&refresh_token={shortened(refresh)}'])}"))
    status, body = curl(*shown[1:], f"grant_type=refresh_token&refresh_token={refresh}")
    if status != 200:
        raise DemoError(f"POST /oidc/token answered {status}: {body}")
    token = str(json.loads(body)["access_token"])
    say(f"200: an access token, {shortened(token)}")
    return Caller(server.url, org, token), token


def shortened(secret: str) -> str:
    return f"{secret[:8]}…" if len(secret) > 8 else secret


def connect(server: Server, who: tuple[str, str], what: tuple[dict[str, Any], str]) -> str:
    """Sends the published curl as it stands; the bill connect's id."""
    (org, token), (totals, role) = who, what
    body = {
        "aws_bill_account_id": totals["payer_account"],
        "aws_bucket_name": totals["bucket"],
        "aws_bucket_path": totals["path_prefix"],
        "aws_sts_role_arn": role,
    }
    url = f"{server.url}/api/onboarding/orgs/{org}/bill_connects/aws/iam_role"
    bill = json.dumps(body)
    say(talk.dim(f'$ curl -X POST -H "Authorization: Bearer {shortened(token)}" {url} -d {shlex.quote(bill)}'))
    status, text = curl("-X", "POST", "-H", f"Authorization: Bearer {token}", url, "-d", bill)
    if status != 201:
        raise DemoError(f"connecting answered {status}: {text}")
    answer = json.loads(text)
    say(f"201: {answer['id']} in {answer['aws_bucket_region']}: every required check passed")
    return str(answer["id"])


def wait_for_import(server: Server, caller: Caller, connect_id: str) -> None:
    with talk.line() as line:
        while line.elapsed < IMPORT_WITHIN_SECONDS:
            server.check()
            history = caller.get(f"/api/status/orgs/{{org}}/bill_id/{connect_id}/import-history")
            done = {entry["billing_period"] for entry in history if entry["status"] == "completed"}
            if any(entry["status"] == "aborted" for entry in history):
                errors = caller.get("/api/status/orgs/{org}/bill-status-errors")
                raise DemoError(f"an import was aborted: {json.dumps(errors, default=str)}")
            if len(done) == MONTHS:
                line.clear()
                say(f"{MONTHS} months in {line.elapsed:.1f} s: {', '.join(sorted(done))}")
                return
            going = sorted(entry["billing_period"] for entry in history if entry["status"] == "in-progress")
            line.show(f"{len(done)} of {MONTHS} months in" + (f", reading {', '.join(going)}" if going else ""))
            time.sleep(0.25)
    raise DemoError(f"the bill was not in after {IMPORT_WITHIN_SECONDS} s; see {FOLDER.name}/serve.log")


def show_costs(product: Product, caller: Caller, totals: dict[str, Any]) -> None:
    months = list(totals["months"])
    arguments = ("costs", "--org", caller.org, "--months", f"{months[0]}..{months[-1]}", "--by", "service")
    say(talk.dim(f"$ billconnect {shlex.join(arguments)}"))
    product.show(*arguments)
    say()
    say(talk.dim("$ curl … /bill-analysis/orgs/<org>/costs/aggregated, by vendor_account: unblended cost, USD"))
    found = costs.by_value(costs.ask(caller, months, "vendor_account"), costs.UNBLENDED)
    rows = []
    for account, by_month in found.items():
        amounts = [by_month.get(month, Decimal(0)) for month in months]
        rows.append([account, *map(talk.dollars, [*amounts, sum(amounts, Decimal(0))])])
    talk.table(["account", *months, "together"], rows)


def check_receipts(product: Product, org: str) -> None:
    say()
    say(talk.dim(f"$ billconnect receipts --org {org}"))
    product.show("receipts", "--org", org)
    receipts = product.ask("receipts", "--org", org)
    stated = list(costs.unequal(receipts))
    if len(stated) < MONTHS:
        raise DemoError("the receipts do not state the difference to the files")
    wrong = [f"{where} {amount}" for where, amount in stated if amount != 0]
    if wrong:
        raise DemoError(f"receipts state differences: {', '.join(wrong)}")
    say(talk.green("The lake differs from the files by 0."))


def check_costs(caller: Caller, totals: dict[str, Any]) -> None:
    """Compares the API with the sample's known totals, month by month, in total and by each breakdown."""
    months = list(totals["months"])
    wrong: list[str] = []
    for dimension, breakdown in costs.BREAKDOWNS.items():
        wrong += costs.differences(costs.ask(caller, months, dimension), totals, breakdown)
    if wrong:
        raise DemoError("the API and the sample disagree:\n" + "\n".join(wrong[:20]))
    answer = costs.ask(caller, months, None)
    say()
    for metric, name in costs.METRICS.items():
        say(f"{name:9}  API {costs.total(answer, metric)}  sample {totals['overall'][name]}  {talk.green('equal')}")
    say(talk.green("Equal to the last digit, also by service, account, line item type and invoice, in every month."))


def what_next(product: Product, server: Server, who: tuple[str, str]) -> None:
    if os.environ.get("ONCE"):
        return
    org, token = who
    question = costs.question(["2026-08", "2026-10"], "category")
    bearer = '-H "Authorization: Bearer $TOKEN"'
    say()
    say(talk.bold("What to try next"))
    say(f"export TOKEN={token} BILLCONNECT_DATA={shlex.quote(str(product.data))}")
    say(f"curl {bearer} {server.url}/api/onboarding/orgs/{org}/bill_connects")
    url = f"{server.url}/bill-analysis/orgs/{org}/costs/aggregated"
    say(f"curl -X POST {bearer} {url} -d {shlex.quote(json.dumps(question))}")
    say(f"{product.binary} costs --org {org} --months 2026-08..2026-10 --by line_item_type")
    say(f"{product.binary} explain external-id-exact")
    say()


if __name__ == "__main__":
    # A polite end is an end like Ctrl-C: what was started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        print("\nStopped.")
        # With ONCE the story has to end by itself.
        sys.exit(130 if os.environ.get("ONCE") else 0)
    except (DemoError, ProductError, EmulatorError, build.BuildError) as error:
        print(f"\n{talk.red('The demo failed.')} {error}", file=sys.stderr)
        sys.exit(1)
