//! Accepting connections: bounded in number, in header size and in time, until told to stop.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections at once; more wait in the system's backlog.
const CONNECTIONS: usize = 1024;
/// How long a client may take to send a request's head, and how long a connection may idle.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// How many bytes of a request's head are kept while it is not whole; one that is far larger is answered 431.
const HEAD_LIMIT: usize = 64 * 1024;
/// How long requests that are being answered may go on once the server stops.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);
/// The pause after the system had no connection to give (no more file descriptors, say).
const BREATHER: Duration = Duration::from_millis(100);

/// Serves until `shutdown` completes, then lets what is being answered finish.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let mut shutdown = pin!(shutdown);
    let running = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await, place))
        };
        let (stream, from, place) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accepted => match accepted? {
                (Ok((stream, from)), place) => (stream, from, place),
                (Err(error), _) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATHER).await;
                    continue;
                }
            },
        };
        let connection = running.watch(connection(stream, router.clone(), Peer(from.ip().to_canonical())));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_WITHIN, running.shutdown()).await.is_err() {
        tracing::warn!("some requests were still being answered when the server stopped");
    }
    Ok(())
}

/// The address at the other end of a connection, beside every request that comes through it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Answers what comes through one connection.
struct Answering {
    router: TowerToHyperService<Router>,
    peer: Peer,
}

impl Service<Request<Incoming>> for Answering {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request)
    }
}

type Connection = http1::Connection<TokioIo<TcpStream>, Answering>;

fn connection(stream: TcpStream, router: Router, peer: Peer) -> Connection {
    // Small answers should not wait for more to fill a packet. A socket that refuses works all the same.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEAD_LIMIT);
    let router = TowerToHyperService::new(router);
    http.serve_connection(TokioIo::new(stream), Answering { router, peer })
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_being_answered_finishes_after_the_stop() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, mut was_asked) = tokio::sync::mpsc::channel::<()>(1);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stop = Arc::new(std::sync::Mutex::new(Some(stop)));
        // The handler itself stops the server, so that its own answer is the one that is under way.
        let handler = move || async move {
            asked.send(()).await.unwrap();
            stop.lock().unwrap().take().unwrap().send(()).unwrap();
            "done"
        };
        let router = Router::new().route("/", get(handler));
        let server = tokio::spawn(serve(listener, router, async { stopped.await.unwrap() }));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        was_asked.recv().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
        server.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    }
}
