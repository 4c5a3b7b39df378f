//! A copy of a bucket in a folder, which answers as the bucket would; what only AWS knows is not asked.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use billing::connection::{Candidate, Presented};
use billing::delivery::PartHead;
use billing::iam::Asker;
use billing::names::Region;
use billing::organization::{OrganizationPage, OrganizationQuestion};
use billing::probe::{
    Accounts, Caller, Level, ObjectHead, ObjectText, Organization, Peek, Probe, Refusal, RefusalKind,
};
use billing::reservation::{Page, PageQuestion};
use time::OffsetDateTime;

use crate::account::{AwsAccount, PartStream, Tried};

const NO_COPY: &str = "no copy of the bucket was given: name its folder with `--bucket-copy`";
const ONLY_AWS: &str = "only AWS can tell";
const JUDGED: &str = "the trust policy is judged instead";

/// How deep a copy is looked into: a link that leads back into it has no end.
const MAX_DEPTH: usize = 32;

/// The most that is read of a file that is to be small: manifests are.
const SMALL: u64 = 16 * 1024 * 1024;

/// An account of which there are only documents and, perhaps, a copy of the bucket.
pub(super) struct FolderAccount {
    operator: Asker,
    copy: Option<PathBuf>,
}

impl FolderAccount {
    pub(super) fn new(operator: Asker, copy: Option<PathBuf>) -> Self {
        Self { operator, copy }
    }

    /// The file or folder of a key or prefix. `None` without a copy, and for a key that leaves it.
    fn path(&self, key: &str) -> Option<PathBuf> {
        let folder = self.copy.as_ref()?;
        let mut segments = key.split('/').filter(|segment| !segment.is_empty());
        let inside = segments.clone().all(|segment| segment != "." && segment != ".." && !segment.contains('\\'));
        inside.then(|| segments.by_ref().fold(folder.clone(), |path, segment| path.join(segment)))
    }
}

#[async_trait]
impl AwsAccount for FolderAccount {
    async fn operator(&self) -> Probe<Caller> {
        Probe::Granted(Caller { account: self.operator.account().to_owned(), arn: self.operator.arn().to_owned() })
    }

    /// The right id opens a session here whatever the trust policy says, so that the rest is looked at too; the policy itself is
    /// judged by its text.
    async fn assume(&self, candidate: &Candidate, presented: Presented<'_>) -> Probe<Caller> {
        match (presented, candidate.role()) {
            (Presented::Right(_), Some(role)) => {
                let (account, name) = (role.arn.account().to_string(), role.arn.name());
                let partition = role.arn.partition();
                let arn = format!("arn:{partition}:sts::{account}:assumed-role/{name}/{}", role.session_name);
                Probe::Granted(Caller { account, arn })
            }
            _ => Probe::NotAsked(JUDGED),
        }
    }

    async fn identify(&self, candidate: &Candidate) -> Probe<Caller> {
        match candidate.role() {
            Some(role) => self.assume(candidate, Presented::Right(&role.external_id)).await,
            None => Probe::NotAsked(ONLY_AWS),
        }
    }

    async fn bucket_region(&self, _candidate: &Candidate) -> Probe<Region> {
        Probe::NotAsked(ONLY_AWS)
    }

    async fn list(&self, _candidate: &Candidate, _region: &Region, prefix: &str) -> Probe<Level> {
        let Some(folder) = self.path(prefix) else { return Probe::NotAsked(NO_COPY) };
        match level(&folder, prefix).await {
            Ok(level) => Probe::Granted(level),
            // A bucket has no folders: what is not there is an empty listing.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Probe::Granted(Level::default())
            }
            Err(error) => unreadable("s3:ListBucket", &folder, &error),
        }
    }

    async fn peek(&self, _candidate: &Candidate, _region: &Region, _prefix: &str) -> Probe<Peek> {
        Probe::NotAsked("a copy is near enough to be walked")
    }

    async fn list_below(&self, _candidate: &Candidate, _region: &Region, prefix: &str) -> Probe<Vec<ObjectHead>> {
        let Some(folder) = self.path(prefix) else { return Probe::NotAsked(NO_COPY) };
        match below(folder.clone(), prefix).await {
            Ok(objects) => Probe::Granted(objects),
            Err(error) if error.kind() == ErrorKind::NotFound => Probe::Granted(Vec::new()),
            Err(error) => unreadable("s3:ListBucket", &folder, &error),
        }
    }

    async fn head(&self, _candidate: &Candidate, _region: &Region, key: &str) -> Probe<ObjectHead> {
        let Some(path) = self.path(key) else { return Probe::NotAsked(NO_COPY) };
        match tokio::fs::metadata(&path).await {
            Ok(about) => Probe::Granted(head(key.to_owned(), &about)),
            Err(error) => unreadable("s3:GetObject", &path, &error),
        }
    }

    async fn read_small(&self, _candidate: &Candidate, _region: &Region, key: &str) -> Probe<ObjectText> {
        let Some(path) = self.path(key) else { return Probe::NotAsked(NO_COPY) };
        match read(&path, key).await {
            Ok(text) => Probe::Granted(text),
            Err(error) => unreadable("s3:GetObject", &path, &error),
        }
    }

    async fn read_first_byte(&self, _candidate: &Candidate, _region: &Region, key: &str) -> Probe<()> {
        let Some(path) = self.path(key) else { return Probe::NotAsked(NO_COPY) };
        match tokio::fs::File::open(&path).await {
            Ok(_) => Probe::Granted(()),
            Err(error) => unreadable("s3:GetObject", &path, &error),
        }
    }

    async fn organization(&self, _candidate: &Candidate) -> Probe<Organization> {
        Probe::NotAsked(ONLY_AWS)
    }

    async fn accounts(&self, _candidate: &Candidate) -> Probe<Accounts> {
        Probe::NotAsked(ONLY_AWS)
    }

    async fn organization_page(
        &self,
        _candidate: &Candidate,
        _question: &OrganizationQuestion,
        _token: Option<&str>,
    ) -> Probe<OrganizationPage> {
        Probe::NotAsked(ONLY_AWS)
    }

    async fn reservations(&self, _candidate: &Candidate, _question: &PageQuestion) -> Probe<Page> {
        Probe::NotAsked(ONLY_AWS)
    }

    async fn unpublished(&self, _candidate: &Candidate, _region: &Region) -> Probe<Tried> {
        Probe::NotAsked(ONLY_AWS)
    }

    async fn open(&self, _candidate: &Candidate, _region: &Region, part: &PartHead) -> Result<PartStream, Refusal> {
        let error = std::io::Error::new(ErrorKind::Unsupported, "a copy is looked at, and not read from");
        Err(refusal("s3:GetObject", Path::new(&part.key), &error))
    }
}

/// One level of the copy, as a listing of the bucket shows it.
async fn level(folder: &Path, prefix: &str) -> std::io::Result<Level> {
    let mut level = Level::default();
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Followed, so that a link to a folder is one.
        let about = tokio::fs::metadata(entry.path()).await?;
        if about.is_dir() {
            level.folders.push(format!("{prefix}{name}/"));
        } else {
            level.objects.push(head(format!("{prefix}{name}"), &about));
        }
    }
    level.folders.sort();
    level.objects.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(level)
}

/// All files of the copy below a folder, by key.
async fn below(folder: PathBuf, prefix: &str) -> std::io::Result<Vec<ObjectHead>> {
    let (mut objects, mut folders) = (Vec::new(), vec![(folder, prefix.to_owned())]);
    while let Some((folder, prefix)) = folders.pop() {
        let found = level(&folder, &prefix).await?;
        objects.extend(found.objects);
        if prefix.matches('/').count() > MAX_DEPTH {
            continue;
        }
        let name = |folder: &String| folder[prefix.len()..].trim_end_matches('/').to_owned();
        folders.extend(found.folders.iter().map(|below| (folder.join(name(below)), below.clone())));
    }
    objects.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(objects)
}

async fn read(path: &Path, key: &str) -> std::io::Result<ObjectText> {
    let about = tokio::fs::metadata(path).await?;
    if about.len() > SMALL {
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, "it is larger than any manifest"));
    }
    Ok(ObjectText { head: head(key.to_owned(), &about), body: tokio::fs::read(path).await? })
}

fn head(key: String, about: &std::fs::Metadata) -> ObjectHead {
    let modified = about.modified().map_or(OffsetDateTime::UNIX_EPOCH, OffsetDateTime::from);
    ObjectHead { key, etag: String::new(), size: about.len(), modified }
}

fn unreadable<T>(action: &str, path: &Path, error: &std::io::Error) -> Probe<T> {
    Probe::Refused(Box::new(refusal(action, path, error)))
}

fn refusal(action: &str, path: &Path, error: &std::io::Error) -> Refusal {
    let kind = if error.kind() == ErrorKind::NotFound { RefusalKind::NotFound } else { RefusalKind::Unavailable };
    Refusal {
        action: action.to_owned(),
        resource: path.display().to_string(),
        kind,
        code: format!("{:?}", error.kind()),
        message: error.to_string(),
        request_id: None,
    }
}
