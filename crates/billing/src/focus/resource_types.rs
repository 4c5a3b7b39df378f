//! What kind of resource an id is of: an ARN says so itself, other ids by a table.

use std::sync::LazyLock;

/// The table, for whoever edits it: `data/resource-types-aws.csv`. The first row holds whose `start` the id begins with and
/// whose product code is the line's; `*` is any.
const TABLE: &str = include_str!("../../data/resource-types-aws.csv");

/// The type of what neither an ARN nor the table nor a product family tells.
pub const OTHER: &str = "Other";

/// Every row of the table: what the id begins with, the product code, the type.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLE.lines().skip(1).filter_map(|line| {
        let mut cells = line.split(',');
        Some((cells.next()?, cells.next()?, cells.next()?))
    })
}

/// The kind of the resource `id` on a line of this product code and family.
///
/// `arn:aws:lambda:eu-west-1:1:function:f` is a `function`, `vol-1` of EC2 a `Volume`; the last resort is the family.
pub fn of<'a>(id: &'a str, product_code: &str, family: &'a str) -> &'a str {
    static ROWS: LazyLock<Vec<(&str, &str, &str)>> = LazyLock::new(|| all().collect());
    let named = id.strip_prefix("arn:").and_then(|rest| rest.splitn(5, ':').nth(4)?.split_once(['/', ':']));
    if let Some((kind, _)) = named.filter(|(kind, _)| !kind.is_empty()) {
        return kind;
    }
    let name = id.rsplit([':', '/']).next().unwrap_or(id);
    match ROWS.iter().find(|(start, code, _)| name.starts_with(start) && (*code == "*" || *code == product_code)) {
        Some((_, _, kind)) => kind,
        None if family.is_empty() => OTHER,
        None => family,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_whole() {
        assert_eq!(all().count(), TABLE.lines().count() - 1);
        assert!(all().all(|(_, code, kind)| !code.is_empty() && !kind.is_empty()));
    }

    #[test]
    fn a_resource_is_told_by_its_arn_then_by_the_table_then_by_the_family() {
        for (id, code, family, expect) in [
            ("arn:aws:lambda:eu-west-1:1:function:f", "AWSLambda", "Serverless", "function"),
            ("arn:aws:ec2:us-east-1:1:snapshot/snap-1", "AmazonEC2", "Storage Snapshot", "snapshot"),
            ("arn:aws:s3:::bucket", "AmazonS3", "Storage", "Bucket"),
            ("arn:aws:sqs:eu-west-1:1:queue-name", "AWSQueueService", "API Request", "API Request"),
            ("i-0abc", "AmazonEC2", "Compute Instance", "Instance"),
            ("vol-0abc", "AmazonEC2", "Storage", "Volume"),
            ("web-assets", "AmazonS3", "API Request", "Bucket"),
            ("anything", "AmazonXyz", "Family", "Family"),
            ("anything", "AmazonXyz", "", OTHER),
        ] {
            assert_eq!(of(id, code, family), expect, "{id}");
        }
    }
}
