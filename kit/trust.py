"""Trust policies as AWS evaluates them, where the emulator does otherwise: whom a principal means, and TLS."""

from __future__ import annotations

import dataclasses
from typing import Any


def evaluate_trust_as_aws_does(evaluator: Any) -> None:
    """Changes MiniStack's `iam_evaluator`: AWS compares principals letter by letter, and is reached by TLS alone."""
    ask, means = evaluator.evaluate_trust_policy, evaluator._principal_matches

    def exactly(principal: Any, caller_arn: str) -> bool:
        if not isinstance(principal, dict):
            return bool(principal == "*")
        named = principal.get("AWS", [])
        named = [named] if isinstance(named, str) else named
        # MiniStack folds the case of ARNs, which is only right where they are equal as they stand, or name more than one.
        same = [one for one in named if one == "*" or not _names_one(one) or _is(one, caller_arn)]
        return bool(means({**principal, "AWS": same}, caller_arn))

    def over_tls(document: Any, caller_arn: str, context: Any = None) -> bool:
        if context is not None:
            context = dataclasses.replace(context, secure_transport=True)
        return bool(ask(document, caller_arn, context))

    evaluator._principal_matches = exactly
    evaluator.evaluate_trust_policy = over_tls


def _names_one(principal: str) -> bool:
    """Whether it is a user, a role or a session, and not an account."""
    return ":user/" in principal or ":role/" in principal or ":assumed-role/" in principal


def _is(principal: str, caller_arn: str) -> bool:
    """Whether the caller is this very one; a session is also its role."""
    if principal == caller_arn:
        return True
    role, _, session = caller_arn.partition(":assumed-role/")
    as_role = f"{role.replace(':sts:', ':iam:')}:role/{session.split('/')[0]}"
    # STS leaves a role's path out of its sessions' ARNs.
    account, _, path = principal.partition(":role/")
    return bool(session and path) and f"{account}:role/{path.rsplit('/', 1)[-1]}" == as_role
