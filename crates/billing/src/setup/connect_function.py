"""Connects the bill when the stack is made. Prints nothing: the token must not reach a log."""
import json
import time
import urllib.error
import urllib.request


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):  # The token goes to the service and nowhere else.
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def call(asked, method, route, body=None):
    headers = {"Authorization": "Bearer " + asked["AccessToken"], "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(asked["ServiceUrl"].rstrip("/") + route, data, headers, method=method)
    try:
        with OPENER.open(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        try:
            return error.code, json.loads(error.read())
        except ValueError:
            return error.code, {"message": "the service answered with the HTTP status %d" % error.code}
    except OSError as error:
        return 0, {"message": "the service did not answer: %s" % getattr(error, "reason", error)}


def words(answer):
    failed = [c for c in answer.get("checks", []) if c.get("verdict") in ("failed", "unknown")]
    lines = ["%s: %s" % (c.get("check"), (c.get("remedy") or c.get("found") or "").split("\n")[0]) for c in failed]
    return "\n".join([str(answer.get("message"))] + lines)[:1500]


def connect(asked):
    """Why it could not be connected; None where it is."""
    wanted = {
        "aws_bill_account_id": asked["BillAccountId"],
        "aws_bucket_name": asked["BucketName"],
        "aws_bucket_path": asked.get("BucketPath", ""),
        "aws_sts_role_arn": asked["RoleArn"],
    }
    base = "/api/onboarding/orgs/%s/bill_connects/aws/" % asked["OrgId"]
    until = time.monotonic() + float(asked["WaitSeconds"])
    while True:
        status, answer = call(asked, "POST", base + "iam_role", wanted)
        if status == 201:
            return None
        if status == 409:
            _, there = call(asked, "GET", base + "aws-" + asked["BillAccountId"])
            wanted["aws_bucket_path"] = "/".join(part for part in wanted["aws_bucket_path"].split("/") if part)
            return None if all(there.get(name) == value for name, value in wanted.items()) else words(answer)
        # AWS takes some seconds to make a new role known everywhere, and until then a right one looks wrong.
        if status not in (0, 422, 429, 502, 503) or time.monotonic() >= until:
            return words(answer)
        time.sleep(5)


def handler(event, _):
    asked, failure = event["ResourceProperties"], None
    if event["RequestType"] != "Delete":  # The bills that were read stay; disconnecting is the org's decision.
        try:
            failure = connect(asked)
        except Exception as error:  # Its text could quote the token.
            failure = "the request could not be made (%s)" % type(error).__name__
    answer = {
        "Status": "FAILED" if failure else "SUCCESS",
        "Reason": failure or "connected",
        "PhysicalResourceId": event.get("PhysicalResourceId") or "aws-" + asked["BillAccountId"],
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    data = json.dumps(answer).encode()
    put = urllib.request.Request(event["ResponseURL"], data, {"Content-Type": ""}, method="PUT")
    urllib.request.urlopen(put, timeout=30).close()
