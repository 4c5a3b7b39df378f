//! The setup, applied as a customer's administrator would, and looked at by the tools that would look at it.

mod applied;
mod drops;
mod forms;
mod stack;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::kit::story::Story;
use crate::kit::tools::succeeded;

/// The role that is made beside the one that every test's world has.
const ROLE: &str = "as-set-up";

/// A form of the setup for a story's customer, as the command line writes it to a folder.
struct Written {
    folder: TempDir,
}

impl Written {
    fn of(story: &Story, format: &str, more: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let (org, url) = (story.org.to_string(), &story.server.url);
        let bucket = story.world.candidate.bucket.as_ref();
        let out = folder.path().to_str().unwrap();
        let fixed =
            ["setup", "aws", "--org", &org, "--bucket", bucket, "--path", "bills", "--host", url, "--role-name", ROLE];
        let mut command = story.server.install().command(&fixed);
        succeeded(command.args(["--format", format, "--out", out]).args(more));
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The ARN of the role that the setup makes.
fn role_arn(story: &Story) -> String {
    format!("arn:aws:iam::{}:role/{ROLE}", story.payer())
}
