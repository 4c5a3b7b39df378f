//! A local folder whose files are on disk before anyone is told that they are written.
//!
//! The object store of a plain folder is atomic but leaves flushing to the system, so a power cut could leave a month
//! published whose files are empty. *Invariant:* a put or a finished upload has been flushed, and so has its folder.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::path::{Path as FsPath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// The whole local file system, as an object store that flushes what it writes.
#[derive(Debug)]
pub(crate) struct DurableFolder {
    inner: LocalFileSystem,
}

impl DurableFolder {
    pub(crate) fn new() -> Self {
        Self { inner: LocalFileSystem::new() }
    }
}

impl fmt::Display for DurableFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "durable {}", self.inner)
    }
}

/// Runs `work`, which blocks on the disk, where it holds up nobody.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|source| Error::JoinError { source })?
}

/// The system's own words, as the error of a store.
fn storage(source: io::Error) -> Error {
    Error::Generic { store: "DurableFolder", source: Box::new(source) }
}

/// Flushes a folder's list of names.
fn flush_folder_of(path: &FsPath) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Makes the folder of `path` and flushes the name of each folder that was made on the way.
fn make_folder_of(path: &FsPath) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    let made: Vec<&FsPath> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    std::fs::create_dir_all(folder)?;
    made.into_iter().rev().try_for_each(flush_folder_of)
}

/// A new file beside `path`. Its name ends in `#` and a number, which the listing of a folder leaves out.
fn create_beside(path: &FsPath) -> io::Result<(File, PathBuf)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    make_folder_of(path)?;
    loop {
        let mut beside = path.as_os_str().to_owned();
        // The process id keeps two processes over one folder from stealing each other's names.
        beside.push(format!("#{}{:06}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            Ok(file) => return Ok((file, beside.into())),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes, flushes, then gives the file its name: nobody ever sees a part of it.
fn put(path: &FsPath, payload: &PutPayload, mode: &PutMode) -> Result<()> {
    let (mut file, beside) = create_beside(path).map_err(storage)?;
    let written = payload.iter().try_for_each(|bytes| file.write_all(bytes)).and_then(|()| file.sync_all());
    let named = written.and_then(|()| match mode {
        PutMode::Overwrite => std::fs::rename(&beside, path),
        // A link fails where the name is taken, and that is what decides between two writers of one version.
        _ => std::fs::hard_link(&beside, path).map(|()| {
            // The file has its name, so it is written; a second name that stays is for the next sweep.
            if let Err(error) = std::fs::remove_file(&beside) {
                tracing::warn!(path = %beside.display(), %error, "a half-written file's name was left for the next sweep");
            }
        }),
    });
    match named {
        Ok(()) => flush_folder_of(path).map_err(storage),
        Err(source) => {
            // The error to tell is the one above; what is left over is swept later.
            drop(std::fs::remove_file(&beside));
            let path = path.display().to_string();
            Err(if source.kind() == ErrorKind::AlreadyExists {
                Error::AlreadyExists { path, source: Box::new(source) }
            } else {
                storage(source)
            })
        }
    }
}

/// An upload in parts whose file is flushed when it is complete.
#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    path: PathBuf,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        let path = self.path.clone();
        on_disk(move || {
            let flushed = File::open(&path).and_then(|file| file.sync_all());
            flushed.and_then(|()| flush_folder_of(&path)).map_err(storage)
        })
        .await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

#[async_trait]
impl ObjectStore for DurableFolder {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        if matches!(opts.mode, PutMode::Update(_)) {
            // A folder can't compare and swap; the plain store says so in its own words.
            return self.inner.put_opts(location, payload, opts).await;
        }
        let path = self.inner.path_to_filesystem(location)?;
        on_disk(move || put(&path, &payload, &opts.mode)).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    // Readers get whole files only: parts are written beside the name, which the file gets when it is complete.
    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let path = self.inner.path_to_filesystem(location)?;
        let made = path.clone();
        on_disk(move || make_folder_of(&made).map_err(storage)).await?;
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(DurableUpload { inner, path }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use object_store::ObjectStoreExt;

    use super::*;

    #[tokio::test]
    async fn of_two_writers_of_one_name_one_wins_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = DurableFolder::new();
        let path = Path::from_filesystem_path(folder.path()).unwrap().join("log").join("0.json");
        let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let (one, two) = tokio::join!(
            store.put_opts(&path, PutPayload::from_static(b"one"), create()),
            store.put_opts(&path, PutPayload::from_static(b"two"), create()),
        );
        assert!(one.is_ok() != two.is_ok());
        let lost = one.as_ref().err().or(two.as_ref().err()).unwrap();
        assert!(matches!(lost, Error::AlreadyExists { .. }), "{lost}");
        let text = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(text, if one.is_ok() { "one" } else { "two" });
        assert_eq!(std::fs::read_dir(folder.path().join("log")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn what_is_not_complete_is_not_listed() {
        let folder = tempfile::tempdir().unwrap();
        let store = DurableFolder::new();
        let root = Path::from_filesystem_path(folder.path()).unwrap();
        let path = root.clone().join("a.parquet");
        let mut upload = store.put_multipart(&path).await.unwrap();
        upload.put_part(PutPayload::from_static(b"half")).await.unwrap();
        assert_eq!(store.list(Some(&root)).try_collect::<Vec<_>>().await.unwrap(), []);
        upload.complete().await.unwrap();
        assert_eq!(store.list(Some(&root)).try_collect::<Vec<_>>().await.unwrap().len(), 1);
    }
}
