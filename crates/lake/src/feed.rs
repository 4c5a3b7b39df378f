//! Feeding: an asynchronous stream of a file's bytes, read by a thread that blocks.

use std::error::Error;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

use crate::stage::Progress;

/// Chunks between the download and the thread that unpacks them.
const CHUNKS: usize = 8;

type Message = Result<Option<Bytes>, Box<dyn Error + Send + Sync>>;

/// Where [`pump`] puts what [`Feed`] reads.
pub(crate) type Feeder = mpsc::Sender<Message>;

/// The blocking end: reads to the end of the file, or fails.
///
/// *Invariant:* a download that broke off, or gave more or less than the file's size, is an error and never an end.
pub(crate) struct Feed {
    chunks: mpsc::Receiver<Message>,
    current: Bytes,
    size: u64,
    read: u64,
    ended: bool,
    progress: Arc<Progress>,
}

impl Feed {
    /// Both ends for a file of `size` bytes.
    pub(crate) fn new(size: u64, progress: Arc<Progress>) -> (Feeder, Self) {
        let (feeder, chunks) = mpsc::channel(CHUNKS);
        (feeder, Self { chunks, current: Bytes::new(), size, read: 0, ended: false, progress })
    }

    /// Waits for the next chunk; `false` at the file's end.
    fn fill(&mut self) -> io::Result<bool> {
        while self.current.is_empty() && !self.ended {
            match self.chunks.blocking_recv() {
                Some(Ok(Some(chunk))) => {
                    self.read += chunk.len() as u64;
                    self.progress.add_bytes(chunk.len());
                    self.current = chunk;
                }
                Some(Ok(None)) if self.read == self.size => self.ended = true,
                Some(Ok(None)) => {
                    let message = format!("{} bytes came, but the file has {}", self.read, self.size);
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
                }
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the download was stopped")),
            }
        }
        Ok(!self.ended)
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || !self.fill()? {
            return Ok(0);
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// How a download ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Downloaded {
    /// It came to its end, or nobody wanted more of it.
    Enough,
    /// It broke off.
    Broken,
}

/// Moves a download into the feed. Ends early where nobody reads any more.
pub(crate) async fn pump<S, E>(mut bytes: S, feeder: Feeder) -> Downloaded
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Error + Send + Sync + 'static,
{
    while let Some(chunk) = bytes.next().await {
        let failed = chunk.is_err();
        let unwanted = feeder.send(chunk.map(Some).map_err(Into::into)).await.is_err();
        if failed {
            return Downloaded::Broken;
        }
        if unwanted {
            return Downloaded::Enough;
        }
    }
    // The reader may have had enough already, for example of trailing bytes; then it does not need the end.
    drop(feeder.send(Ok(None)).await);
    Downloaded::Enough
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    async fn read(chunks: Vec<Result<&'static str, io::Error>>, size: u64) -> io::Result<String> {
        let progress = Arc::new(Progress::default());
        let (feeder, mut feed) = Feed::new(size, Arc::clone(&progress));
        let reading = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            feed.read_to_string(&mut text)?;
            // The end stays the end.
            assert_eq!(feed.read(&mut [0])?, 0);
            Ok(text)
        });
        pump(
            stream::iter(chunks.into_iter().map(|chunk| chunk.map(|text| Bytes::from_static(text.as_bytes())))),
            feeder,
        )
        .await;
        reading.await.unwrap()
    }

    #[tokio::test]
    async fn a_whole_file_is_read_to_its_end() {
        assert_eq!(read(vec![Ok("ab"), Ok(""), Ok("c")], 3).await.unwrap(), "abc");
        assert_eq!(read(Vec::new(), 0).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_file_of_another_size_is_an_error() {
        let error = read(vec![Ok("ab")], 3).await.unwrap_err().to_string();
        assert_eq!(error, "2 bytes came, but the file has 3");
        assert!(read(vec![Ok("abcd")], 3).await.is_err());
    }

    #[tokio::test]
    async fn a_broken_download_is_never_an_end() {
        let error = read(vec![Ok("abc"), Err(io::Error::other("reset by peer"))], 3).await.unwrap_err();
        assert_eq!(error.to_string(), "reset by peer");
        let (feeder, mut feed) = Feed::new(0, Arc::new(Progress::default()));
        drop(feeder);
        let reading = tokio::task::spawn_blocking(move || feed.read(&mut [0]));
        assert_eq!(reading.await.unwrap().unwrap_err().to_string(), "the download was stopped");
    }
}
