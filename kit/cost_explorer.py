"""Cost Explorer as far as it is asked: how an account's reservations were used, a page at a time.

An account has no reservations until a test says which, by an operation that AWS has not:

    AWSInsightsIndexService.PlayReservationUtilization
    {"Service": "Amazon Relational Database Service", "Pages": [[group, …], …]}      what GetReservationUtilization answers
    {"Error": {"Code": "LimitExceededException", "Message": "…"}}                      or how it refuses; `{}` ends that

What it was asked comes back as a list of requests from `AWSInsightsIndexService.PlayedReservationUtilization`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

Answer = tuple[int, dict[str, str], bytes]

# What Cost Explorer answers about where no service is named.
USUAL_SERVICE = "Amazon Elastic Compute Cloud - Compute"
NOTHING = {name: "0" for name in ("UtilizationPercentage", "PurchasedHours", "TotalActualHours", "UnusedHours")}

_pages: dict[str, dict[str, list[Any]]] = defaultdict(dict)
_errors: dict[str, dict[str, str]] = {}
_asked: dict[str, list[Any]] = defaultdict(list)


async def cost_explorer(
    method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
) -> Answer:
    """Answers one request of the account that signed it."""
    del method, path, query_params
    # Only now: MiniStack reads its settings when it is imported.
    from ministack.core.responses import get_account_id

    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    account, request = get_account_id(), json.loads(body or b"{}")
    if operation == "PlayReservationUtilization":
        return _play(account, request)
    if operation == "PlayedReservationUtilization":
        return _answer(200, {"Requests": _asked[account]})
    if operation != "GetReservationUtilization":
        return _error("UnknownOperationException", f"{operation} is not played here")
    _asked[account].append(request)
    if refusal := _errors.get(account):
        return _error(refusal["Code"], refusal["Message"])
    return _utilization(account, request)


def _play(account: str, request: dict[str, Any]) -> Answer:
    if "Pages" in request:
        _pages[account][request.get("Service", USUAL_SERVICE)] = request["Pages"]
    else:
        _errors.pop(account, None)
        if "Error" in request:
            _errors[account] = request["Error"]
    return _answer(200, {})


def _utilization(account: str, request: dict[str, Any]) -> Answer:
    period = request.get("TimePeriod", {})
    days = [period.get("Start", ""), period.get("End", "")]
    if not all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", day) for day in days) or days[0] >= days[1]:
        return _error("ValidationException", "Start and End must be days, YYYY-MM-DD, and Start the earlier one")
    if request.get("GroupBy") and request.get("Granularity"):
        return _error("ValidationException", "Granularity can't be set where GroupBy is")
    named = request.get("Filter", {}).get("Dimensions", {})
    services = named.get("Values", [USUAL_SERVICE]) if named.get("Key", "SERVICE") == "SERVICE" else [USUAL_SERVICE]
    if len(services) != 1:
        return _error("ValidationException", "the filter must name one service")
    pages = _pages[account].get(services[0], [[]])
    token = request.get("NextPageToken", "0")
    if not token.isdigit() or int(token) >= len(pages):
        return _error("InvalidNextTokenException", "The pagination token is invalid. Try again without it.")
    at = int(token)
    answer = {"Total": NOTHING, "UtilizationsByTime": [{"TimePeriod": period, "Groups": pages[at], "Total": NOTHING}]}
    if at + 1 < len(pages):
        answer["NextPageToken"] = str(at + 1)
    return _answer(200, answer)


def _answer(status: int, document: dict[str, Any]) -> Answer:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()


def _error(code: str, message: str) -> Answer:
    """An error as AWS's JSON services write it."""
    return _answer(400, {"__type": code, "message": message})
