//! How many may be connected at once, and for how long they may keep quiet.

use axum::serve::Listener;
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep},
};

/// The most connections at once; further ones wait to be accepted.
pub const MAX_CONNECTIONS: usize = 256;
/// A connection on which nothing was answered for so long is closed: one that asks for nothing, that never finishes its
/// question, however slowly it drips, or that does not take its answer. Event streams say something more often.
pub const MAX_QUIET: Duration = Duration::from_secs(30);

/// A listener that accepts no more than [`MAX_CONNECTIONS`] at once.
pub(crate) struct BoundedListener {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    max_quiet: Duration,
}

impl BoundedListener {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self { listener, permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)), max_quiet: MAX_QUIET }
    }
}

impl Listener for BoundedListener {
    type Io = BoundedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let max_quiet = self.max_quiet;
        (BoundedStream { stream, max_quiet, quiet: Box::pin(sleep(max_quiet)), _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection; its place is free again when it is dropped.
pub(crate) struct BoundedStream {
    stream: TcpStream,
    max_quiet: Duration,
    /// Runs out when nothing was answered for too long.
    quiet: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl BoundedStream {
    /// Waits for the connection, and no longer than it may keep quiet.
    fn or_too_long<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_pending() && self.quiet.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        polled
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.or_too_long(cx, polled)
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        if matches!(polled, Poll::Ready(Ok(written)) if written > 0) {
            let until = Instant::now() + self.max_quiet;
            self.quiet.as_mut().reset(until);
        }
        self.or_too_long(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_question_that_never_ends_loses_its_place() -> io::Result<()> {
        let max_quiet = Duration::from_millis(200);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut bounded = BoundedListener { max_quiet, ..BoundedListener::new(listener) };
        let mut client = TcpStream::connect(address).await?;
        let (mut stream, _) = bounded.accept().await;
        // A byte now and then is no progress.
        let dripping = async {
            while client.write_all(b"x").await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let mut asked = Vec::new();
        let end = tokio::select! {
            end = stream.read_to_end(&mut asked) => end,
            () = dripping => panic!("the client never stops"),
        };
        assert_eq!(end.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
        assert!(!asked.is_empty());
        // Whoever is answered goes on.
        for _ in 0..4 {
            sleep(max_quiet / 2).await;
            stream.write_all(b"answer").await?;
        }
        assert!(stream.quiet.deadline() > Instant::now());
        Ok(())
    }
}
