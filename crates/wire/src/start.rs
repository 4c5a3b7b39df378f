//! How a connection begins: TLS, the protocol's version, who it is.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use billing::sql::SETTINGS;
use bytes::{Buf, Bytes};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::Shared;
use crate::access::Viewer;
use crate::connection::Connection;
use crate::message::{self, Message, ReadError, Reader, SHORT};
use crate::reply::{Fault, Reply, Standing};
use crate::session::Session;

/// How long whoever connects may take until it has said who it is.
const WITHIN: Duration = Duration::from_secs(30);

/// How long whoever was not let in waits for the answer: trying tokens is no fun.
const PENANCE: Duration = Duration::from_millis(300);

const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
const CANCEL: u32 = 80_877_102;

/// A connection, whatever it is carried by.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What came of the start of a connection.
struct Started {
    stream: Box<dyn Stream>,
    reader: Reader,
    viewer: Viewer,
    session: Session,
    /// Options that are not known, where the client speaks a newer protocol or names such.
    unknown: Option<Vec<String>>,
}

/// Takes a connection from its first byte to its last.
pub(crate) async fn begin(
    stream: TcpStream,
    peer: IpAddr,
    (shared, place): (Arc<Shared>, Option<OwnedSemaphorePermit>),
) {
    // Answers are small and waited for.
    drop(stream.set_nodelay(true));
    let started = tokio::time::timeout(WITHIN, start(stream, (peer, place.as_ref()), &shared)).await;
    let Ok(Some(Started { stream, reader, viewer, session, unknown })) = started else { return };
    let stop = Arc::new(Notify::new());
    let (process, secret) = shared.register(&stop);
    tracing::info!(org = %viewer.org(), process, "a client of the SQL listener came in");
    let mut reply = Reply::default();
    if let Some(unknown) = unknown {
        reply.version(&unknown);
    }
    reply.authentication(0);
    for name in REPORTED {
        let value = SETTINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| *value);
        reply.status(name, value);
    }
    reply.key(process, secret);
    reply.ready(Standing::Idle);
    let mut connection = Connection::new((stream, reader, reply), viewer, session, (stop, shared.idle));
    connection.run().await;
    shared.forget(process);
    drop(place);
}

/// Settings that clients are told of unasked.
const REPORTED: [&str; 11] = [
    "server_version",
    "server_encoding",
    "client_encoding",
    "application_name",
    "is_superuser",
    "session_authorization",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
];

/// Lets somebody in, or tells why not.
async fn start(
    stream: TcpStream,
    (peer, place): (IpAddr, Option<&OwnedSemaphorePermit>),
    shared: &Shared,
) -> Option<Started> {
    let mut stream: Box<dyn Stream> = Box::new(stream);
    let mut reader = Reader::default();
    let mut secured = false;
    loop {
        let (code, mut body) = reader.startup(&mut stream).await.ok()?;
        match code {
            SSL if !secured => match &shared.tls {
                // What came behind the request came in clear text, from whoever.
                Some(_) if !reader.is_empty() => return None,
                Some(tls) => {
                    stream.write_all(b"S").await.ok()?;
                    stream.flush().await.ok()?;
                    stream = Box::new(tls.accept(stream).await.ok()?);
                    (reader, secured) = (Reader::default(), true);
                }
                None => stream.write_all(b"N").await.ok()?,
            },
            GSS => stream.write_all(b"N").await.ok()?,
            CANCEL => {
                if let (Ok(process), Ok(secret)) = (body.try_get_i32(), body.try_get_i32()) {
                    shared.stop(process, secret);
                }
                return None;
            }
            version if version >> 16 == 3 => {
                let entered = enter((&mut stream, &mut reader), body, (shared, peer, secured, place)).await;
                return match entered {
                    Ok((viewer, session, unknown)) => {
                        let newer = version & 0xffff != 0 || !unknown.is_empty();
                        let unknown = newer.then_some(unknown);
                        Some(Started { stream, reader, viewer, session, unknown })
                    }
                    Err(fault) => {
                        tracing::info!(%peer, code = fault.code, "a client of the SQL listener was not let in");
                        refuse(&mut stream, &fault).await;
                        None
                    }
                };
            }
            _ => {
                let fault = Fault::fatal("08P01", "this is no connection of Postgres's protocol 3");
                refuse(&mut stream, &fault).await;
                return None;
            }
        }
    }
}

async fn refuse(stream: &mut Box<dyn Stream>, fault: &Fault) {
    let mut reply = Reply::default();
    reply.fault(fault);
    drop(stream.write_all(&reply.held).await);
    drop(stream.shutdown().await);
}

/// Asks for the password and looks whose it is.
async fn enter(
    (stream, reader): (&mut Box<dyn Stream>, &mut Reader),
    mut body: Bytes,
    (shared, peer, secured, place): (&Shared, IpAddr, bool, Option<&OwnedSemaphorePermit>),
) -> Result<(Viewer, Session, Vec<String>), Fault> {
    if !secured && !peer.is_loopback() {
        return Err(Fault::fatal(
            "28000",
            "the password would cross the network in clear text: connect with `sslmode=require`",
        ));
    }
    if place.is_none() {
        return Err(Fault::fatal("53300", "there are as many sessions as may be; close one, or try again later"));
    }
    let (mut user, mut database) = (None, None);
    let (mut session, mut unknown) = (Session::new(), Vec::new());
    while let Some(name) = message::text(&mut body).filter(|name| !name.is_empty()) {
        let value = message::text(&mut body).unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "user" => user = Some(value),
            "database" => database = Some(value),
            option if option.starts_with("_pq_.") => unknown.push(name),
            setting => session.preset(setting, &value),
        }
    }
    let mut ask = Reply::default();
    ask.authentication(3);
    let gone = || Fault::fatal("08006", "the connection ended");
    stream.write_all(&ask.held).await.map_err(|_| gone())?;
    let password = match reader.message(stream, SHORT).await {
        Ok(Message::Password(password)) => String::from_utf8(password).unwrap_or_default(),
        Ok(_) | Err(ReadError::TooLong(_) | ReadError::Malformed) => {
            return Err(Fault::fatal("08P01", "a password was to come"));
        }
        Err(ReadError::Ended(_)) => return Err(gone()),
    };
    let entered = shared.door.enter(peer, SecretString::from(password), [user.as_deref(), database.as_deref()]).await;
    if entered.is_err() {
        tokio::time::sleep(PENANCE).await;
    }
    Ok((entered?, session, unknown))
}
