"""The people of the story: an operator who may assume roles, and a customer with an organization and a bucket."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

REGION = "us-east-1"
OPERATOR_ACCOUNT = "111122223333"
MEMBERS = ("payments", "search", "data-platform")


@dataclass(frozen=True)
class Principal:
    """Who signs requests."""

    arn: str
    access_key: str
    secret_key: str

    def environment(self, endpoint: str) -> dict[str, str]:
        """The usual AWS variables, for a child process."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint,
            # Never ask a metadata service that isn't there.
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def client(endpoint: str, service: str, keys: tuple[str, str]) -> Any:
    """A client of one service, with a user's access key and secret."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
    )


def administrator(account: str) -> tuple[str, str]:
    """The emulator's way in: an account's id with this secret is that account's administrator."""
    return account, "test"


def make_operator(endpoint: str, account: str = OPERATOR_ACCOUNT) -> Principal:
    """The identity that billconnect runs as: it may assume roles and nothing else."""
    iam = client(endpoint, "iam", administrator(account))
    arn = iam.create_user(UserName="billconnect")["User"]["Arn"]
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(UserName="billconnect", PolicyName="assume-customer-roles", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="billconnect")["AccessKey"]
    return Principal(arn, key["AccessKeyId"], key["SecretAccessKey"])


class Customer:
    """A payer account and what its administrator sets up in it."""

    def __init__(self, endpoint: str, account: str) -> None:
        self.account = account
        self._endpoint = endpoint

    def client(self, service: str) -> Any:
        """A client with the administrator's rights."""
        return client(self._endpoint, service, administrator(self.account))

    def make_organization(self, members: tuple[str, ...] = MEMBERS) -> None:
        """This account is the management account. The emulator has the organization already; AWS must be asked."""
        organizations = self.client("organizations")
        organizations.describe_organization()
        for name in members:
            organizations.create_account(AccountName=name, Email=f"{name}@example.com")

    def make_bucket(self, name: str) -> None:
        """A bucket for bills."""
        self.client("s3").create_bucket(Bucket=name)

    def make_role(self, name: str, trust_policy: dict[str, Any], permission_policy: dict[str, Any]) -> str:
        """A role with exactly these policies; its ARN."""
        iam = self.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust_policy))
        iam.put_role_policy(RoleName=name, PolicyName="billconnect", PolicyDocument=json.dumps(permission_policy))
        return str(role["Role"]["Arn"])

    def upload(self, folder: Path, bucket: str) -> int:
        """Every file below `folder`, manifests last, as AWS writes them; how many."""
        s3 = self.client("s3")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        manifests = [path for path in files if path.name.endswith("-Manifest.json")]

        def put(path: Path) -> None:
            with path.open("rb") as body:
                s3.put_object(Bucket=bucket, Key=path.relative_to(folder).as_posix(), Body=body)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(put, (path for path in files if path not in manifests)))
            list(pool.map(put, manifests))
        return len(files)
