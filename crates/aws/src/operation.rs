//! The table of what is ever asked of AWS, each operation with the IAM action that grants it.

/// An operation of AWS that this room calls. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    GetCallerIdentity,
    AssumeRole,
    GetBucketLocation,
    ListObjects,
    GetObject,
}

impl Operation {
    /// The IAM action that AWS checks for this operation.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::GetCallerIdentity => "sts:GetCallerIdentity",
            Self::AssumeRole => "sts:AssumeRole",
            Self::GetBucketLocation => "s3:GetBucketLocation",
            Self::ListObjects => "s3:ListBucket",
            Self::GetObject => "s3:GetObject",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use billing::policy;

    use super::*;

    /// The SDK's name of each operation, as it stands in the sources: `client.<name>()`.
    const CALLS: [(&str, Operation); 5] = [
        ("get_caller_identity", Operation::GetCallerIdentity),
        ("assume_role", Operation::AssumeRole),
        ("get_bucket_location", Operation::GetBucketLocation),
        ("list_objects_v2", Operation::ListObjects),
        ("get_object", Operation::GetObject),
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
            assert!(granted, "`{name}` needs `{action}`, which the published policy does not grant");
        }
    }

    #[test]
    fn no_other_service_is_linked() {
        let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
        let services: Vec<&str> =
            manifest.lines().filter_map(|line| line.strip_prefix("aws-sdk-")?.split('.').next()).collect();
        assert_eq!(services, ["s3", "sts"], "a new service needs its operations in this table");
    }
}
