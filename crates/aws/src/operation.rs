//! The table of what is ever asked of AWS, each operation with the IAM action that grants it.

use billing::excess::UnpublishedRead;

/// An operation of AWS that this room calls. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    GetCallerIdentity,
    AssumeRole,
    GetBucketLocation,
    ListObjects,
    GetObject,
    HeadObject,
    DescribeOrganization,
    ListAccounts,
    ListAccountsForParent,
    ListOrganizationalUnitsForParent,
    ListRoots,
    ListTagsForResource,
    GetReservationUtilization,
    /// A read that is tried to show an excess of permission, in a session of its own.
    Unpublished(UnpublishedRead),
}

impl Operation {
    /// The IAM action that AWS checks for this operation.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::GetCallerIdentity => "sts:GetCallerIdentity",
            Self::AssumeRole => "sts:AssumeRole",
            Self::GetBucketLocation => "s3:GetBucketLocation",
            Self::ListObjects => "s3:ListBucket",
            // There is no action of its own for heads.
            Self::GetObject | Self::HeadObject => "s3:GetObject",
            Self::DescribeOrganization => "organizations:DescribeOrganization",
            Self::ListAccounts => "organizations:ListAccounts",
            Self::ListAccountsForParent => "organizations:ListAccountsForParent",
            Self::ListOrganizationalUnitsForParent => "organizations:ListOrganizationalUnitsForParent",
            Self::ListRoots => "organizations:ListRoots",
            Self::ListTagsForResource => "organizations:ListTagsForResource",
            Self::GetReservationUtilization => "ce:GetReservationUtilization",
            Self::Unpublished(read) => read.action(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use billing::excess::UNPUBLISHED_READS;
    use billing::policy;

    use super::*;

    /// The SDK's name of each operation, as it stands in the sources: `client.<name>()`.
    const CALLS: [(&str, Operation); 18] = [
        ("get_caller_identity", Operation::GetCallerIdentity),
        ("assume_role", Operation::AssumeRole),
        ("get_bucket_location", Operation::GetBucketLocation),
        ("list_objects_v2", Operation::ListObjects),
        ("get_object", Operation::GetObject),
        ("head_object", Operation::HeadObject),
        ("describe_organization", Operation::DescribeOrganization),
        ("list_accounts", Operation::ListAccounts),
        ("list_accounts_for_parent", Operation::ListAccountsForParent),
        ("list_organizational_units_for_parent", Operation::ListOrganizationalUnitsForParent),
        ("list_roots", Operation::ListRoots),
        ("list_tags_for_resource", Operation::ListTagsForResource),
        ("get_reservation_utilization", Operation::GetReservationUtilization),
        ("list_buckets", Operation::Unpublished(UnpublishedRead::ListAllMyBuckets)),
        ("get_bucket_policy", Operation::Unpublished(UnpublishedRead::GetBucketPolicy)),
        ("get_bucket_acl", Operation::Unpublished(UnpublishedRead::GetBucketAcl)),
        ("list_object_versions", Operation::Unpublished(UnpublishedRead::ListBucketVersions)),
        ("get_bucket_encryption", Operation::Unpublished(UnpublishedRead::GetEncryptionConfiguration)),
    ];

    /// The production code of every file of this room, by name: what stands above the unit tests, blanks removed.
    fn sources() -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files
            .map(|path| {
                assert!(path.is_file(), "{} is a folder: this test must learn to read it", path.display());
                let text = fs::read_to_string(&path).unwrap();
                let production = text.split("#[cfg(test)]").next().unwrap();
                let code = production.lines().filter(|line| !line.trim_start().starts_with("//"));
                (path.display().to_string(), code.collect::<String>().replace(' ', ""))
            })
            .collect()
    }

    /// The names called on an SDK client in `code`: what stands between `client.` and `()`.
    fn called(code: &str) -> Vec<&str> {
        let after = code.split("client.").skip(1);
        after.filter_map(|rest| rest.split_once("()")).map(|(name, _)| name).collect()
    }

    #[test]
    fn nothing_outside_the_published_policy_is_called() {
        let mut found = BTreeSet::new();
        for (file, code) in sources() {
            let calls = called(&code);
            // Each request that leaves this room is one `.send()`; one that is not `client.<operation>()…send()` escaped the table.
            assert_eq!(
                code.matches(".send()").count(),
                calls.len(),
                "{file}: a `.send()` without its `client.<operation>()`"
            );
            for detour in ["customize(", "into_paginator(", "presigned(", "send_with(", "wait_until"] {
                assert!(!code.contains(detour), "{file}: `{detour}` sends requests that this test cannot see");
            }
            found.extend(calls.into_iter().map(str::to_owned));
        }
        let listed: BTreeSet<String> = CALLS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, listed);
        for (name, operation) in CALLS {
            let action = operation.action();
            // `AssumeRole` is what the trust policy grants; all else is the permission policy's, or needs no permission.
            let granted =
                policy::publishes(action) || policy::UNPERMISSIONED.contains(&action) || action == "sts:AssumeRole";
            // What is tried to show an excess stands in the table of such reads, and in one file of this room.
            let tried = matches!(operation, Operation::Unpublished(read) if UNPUBLISHED_READS.contains(&read));
            assert!(granted || tried, "`{name}` needs `{action}`, which the published policy does not grant");
        }
        for (file, code) in sources() {
            let tries = called(&code).iter().any(|name| {
                CALLS.iter().any(|(listed, operation)| listed == name && matches!(operation, Operation::Unpublished(_)))
            });
            assert!(
                !tries || file.ends_with("unpublished.rs"),
                "{file} tries what the published policy does not grant"
            );
        }
    }

    #[test]
    fn no_other_service_is_linked() {
        let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
        let services: Vec<&str> =
            manifest.lines().filter_map(|line| line.strip_prefix("aws-sdk-")?.split('.').next()).collect();
        assert_eq!(
            services,
            ["costexplorer", "organizations", "s3", "sts"],
            "a new service needs its operations in this table"
        );
    }
}
