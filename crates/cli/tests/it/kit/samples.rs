//! Sample bills, delivered to a customer's bucket as AWS delivers them, or copied there in part.

use std::path::{Path, PathBuf};

use sample::Spec;
use serde_json::Value;
use tempfile::TempDir;

use super::story::Story;

/// Puts a sample bill into the customer's bucket; gives its totals.
pub async fn deliver(story: &Story, spec: &Spec) -> Value {
    copy(story, spec, |_| true).await
}

/// Puts into the customer's bucket what `keeps` keeps of a sample bill, by key; gives its totals.
pub async fn copy(story: &Story, spec: &Spec, keeps: impl Fn(&str) -> bool) -> Value {
    let folder = TempDir::new().expect("a folder for the bill");
    write_and_put(story, (spec, folder.path()), keeps).await;
    let totals = std::fs::read(folder.path().join("totals.json")).expect("it was written");
    serde_json::from_slice(&totals).expect("totals are JSON")
}

/// Writes a sample bill to a folder, and puts what `keeps` keeps of it into the customer's bucket; gives its files, manifests last.
pub async fn write_and_put(
    story: &Story,
    (spec, folder): (&Spec, &Path),
    keeps: impl Fn(&str) -> bool,
) -> Vec<PathBuf> {
    sample::write(spec, folder, &mut |_| {}).expect("a sound specification");
    let root = folder.join("bucket");
    let mut files = vec![];
    list(&root, &mut files);
    // Manifests last, as AWS does, so that a poll never finds one whose files are on their way.
    files.sort_by_key(|file| file.to_string_lossy().ends_with("Manifest.json"));
    for file in &files {
        let key = file.strip_prefix(&root).expect("it lies there").to_string_lossy().into_owned();
        if keeps(&key) {
            story.world.bucket.put(&key, std::fs::read(file).expect("it was written")).await;
        }
    }
    files
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("it is there").path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}
