//! Messages of Postgres's protocol, version 3: those that a client sends, read within bounds.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest message before somebody has authenticated.
pub(crate) const SHORT: usize = 10_000;
/// The longest message after.
pub(crate) const LONG: usize = 1 << 20;

/// What a client sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Query(String),
    Parse {
        name: String,
        text: String,
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe(Named),
    Execute {
        portal: String,
        most: usize,
    },
    Close(Named),
    Flush,
    Sync,
    Terminate,
    Password(Vec<u8>),
    /// What is of no use here: a copy's data, a call of a function by number.
    Other,
}

/// Values for a prepared statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bind {
    pub(crate) portal: String,
    pub(crate) statement: String,
    /// Which parameters are binary: none, one word for all, or one for each.
    pub(crate) formats: Vec<u16>,
    pub(crate) values: Vec<Option<Bytes>>,
    /// Which columns of the answer are to be binary, in the same way.
    pub(crate) results: Vec<u16>,
}

/// A prepared statement or a portal, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Statement(String),
    Portal(String),
}

/// Why a message could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the connection ended: {0}")]
    Ended(#[from] std::io::Error),
    #[error("a message is longer than the {0} bytes that are taken")]
    TooLong(usize),
    #[error("a message is not as the protocol has it")]
    Malformed,
}

/// Reads messages from a connection. What was read stays here if the reading is given up.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    held: BytesMut,
}

impl Reader {
    /// Reads more of what the client sends; false where it has hung up.
    pub(crate) async fn more(&mut self, from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<bool> {
        Ok(from.read_buf(&mut self.held).await? > 0)
    }

    /// Whether nothing was read ahead.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether nothing more is read ahead.
    pub(crate) fn is_full(&self) -> bool {
        self.held.len() > LONG
    }

    /// The first message of a connection, which has no kind: its code and what follows.
    pub(crate) async fn startup(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<(u32, Bytes), ReadError> {
        let mut body = self.body(from, (0, SHORT)).await?;
        if body.len() < 4 {
            return Err(ReadError::Malformed);
        }
        Ok((body.get_u32(), body))
    }

    /// The next message, no longer than `most`.
    pub(crate) async fn message(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        most: usize,
    ) -> Result<Message, ReadError> {
        self.fill(from, 1).await?;
        let kind = self.held[0];
        let body = self.body(from, (1, most)).await?;
        Message::of(kind, body).ok_or(ReadError::Malformed)
    }

    /// A body with its length before it, behind `skipped` bytes.
    async fn body(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        (skipped, most): (usize, usize),
    ) -> Result<Bytes, ReadError> {
        self.fill(from, skipped + 4).await?;
        let length = usize::try_from((&self.held[skipped..]).get_i32()).map_err(|_| ReadError::Malformed)?;
        if length > most {
            return Err(ReadError::TooLong(most));
        }
        let body = length.checked_sub(4).ok_or(ReadError::Malformed)?;
        self.fill(from, skipped + 4 + body).await?;
        self.held.advance(skipped + 4);
        Ok(self.held.split_to(body).freeze())
    }

    async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin), wanted: usize) -> Result<(), ReadError> {
        while self.held.len() < wanted {
            if !self.more(from).await? {
                return Err(ReadError::Ended(std::io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Ok(())
    }
}

impl Message {
    fn of(kind: u8, mut body: Bytes) -> Option<Self> {
        Some(match kind {
            b'Q' => Self::Query(text(&mut body)?),
            b'P' => Self::Parse {
                name: text(&mut body)?,
                text: text(&mut body)?,
                types: many(&mut body, |it| it.try_get_u32().ok())?,
            },
            b'B' => Self::Bind(Bind {
                portal: text(&mut body)?,
                statement: text(&mut body)?,
                formats: many(&mut body, |it| it.try_get_u16().ok())?,
                values: many(&mut body, |body| value(body).ok())?,
                results: many(&mut body, |it| it.try_get_u16().ok())?,
            }),
            b'D' => Self::Describe(named(&mut body)?),
            b'C' => Self::Close(named(&mut body)?),
            b'E' => Self::Execute {
                portal: text(&mut body)?,
                most: usize::try_from(body.try_get_i32().ok()?).ok().filter(|most| *most > 0).unwrap_or(usize::MAX),
            },
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'X' => Self::Terminate,
            b'p' => Self::Password(body.strip_suffix(b"\0")?.to_vec()),
            _ => Self::Other,
        })
    }
}

/// That a message ends before what it announces.
struct Short;

/// A text that ends with a zero.
pub(crate) fn text(body: &mut Bytes) -> Option<String> {
    let end = body.iter().position(|byte| *byte == 0)?;
    let text = body.split_to(end);
    body.advance(1);
    String::from_utf8(text.to_vec()).ok()
}

fn named(body: &mut Bytes) -> Option<Named> {
    match body.try_get_u8().ok()? {
        b'S' => Some(Named::Statement(text(body)?)),
        b'P' => Some(Named::Portal(text(body)?)),
        _ => None,
    }
}

fn many<T>(body: &mut Bytes, mut one: impl FnMut(&mut Bytes) -> Option<T>) -> Option<Vec<T>> {
    let count = body.try_get_u16().ok()?;
    (0..count).map(|_| one(body)).collect()
}

/// A parameter's bytes; a negative length stands for a missing value.
fn value(body: &mut Bytes) -> Result<Option<Bytes>, Short> {
    let Ok(length) = usize::try_from(body.try_get_i32().map_err(|_| Short)?) else { return Ok(None) };
    if length > body.len() { Err(Short) } else { Ok(Some(body.split_to(length))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8], most: usize) -> Result<Message, ReadError> {
        Reader::default().message(&mut bytes, most).await
    }

    #[tokio::test]
    async fn messages_are_read() {
        assert_eq!(read(b"Q\0\0\0\x0dSELECT 1\0", LONG).await.unwrap(), Message::Query("SELECT 1".to_owned()));
        let parse = read(b"P\0\0\0\x12s\0SELECT\0\0\x01\0\0\0\x19", LONG).await;
        assert!(matches!(parse, Err(ReadError::Malformed)), "a byte is missing");
        let bind = b"B\0\0\0\x1bp\0s\0\0\x01\0\0\0\x02\0\0\0\x011\xff\xff\xff\xff\0\x01\0\x01";
        let mut expect =
            Bind { portal: "p".to_owned(), statement: "s".to_owned(), formats: vec![0], ..Bind::default() };
        (expect.values, expect.results) = (vec![Some(Bytes::from_static(b"1")), None], vec![1]);
        assert_eq!(read(bind, LONG).await.unwrap(), Message::Bind(expect));
        assert_eq!(read(b"S\0\0\0\x04", LONG).await.unwrap(), Message::Sync);
    }

    #[tokio::test]
    async fn what_is_too_long_or_odd_is_refused() {
        assert!(matches!(read(b"Q\x7f\xff\xff\xff", LONG).await, Err(ReadError::TooLong(LONG))));
        assert!(matches!(read(b"Q\xff\xff\xff\xff", LONG).await, Err(ReadError::Malformed)));
        assert!(matches!(read(b"Q\0\0\0\x01", LONG).await, Err(ReadError::Malformed)));
        assert!(matches!(read(b"Q\0\0\0\x06ab", LONG).await, Err(ReadError::Malformed)), "no zero at its end");
        assert!(matches!(read(b"B\0\0\0\x08p\0s\0", LONG).await, Err(ReadError::Malformed)));
        assert!(matches!(read(b"", LONG).await, Err(ReadError::Ended(_))));
    }
}
