use crate::{
    ApiError, Backend, Extension, MAX_EVENT_STREAMS, StatusReport,
    connections::BoundedListener,
    events::{self, Told},
    page::Page,
    routes,
    turns::InTurn,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::timeout,
};

/// How long questions under way may take to be answered once the window closes: nobody may keep the program from ending.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// What the window needs besides what it shows.
pub struct ApiConfig {
    /// Where it listens. The operator was asked before this is another machine's business.
    pub listen: SocketAddr,
    /// What else is shown.
    pub extensions: Vec<Arc<dyn Extension>>,
}

/// The window, open.
pub struct Api {
    address: SocketAddr,
    closing: watch::Sender<bool>,
    server: JoinHandle<Result<(), ApiError>>,
    publisher: JoinHandle<()>,
}

/// What every request may look at.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) page: Arc<Page>,
    pub(crate) told: watch::Sender<Told>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) closing: watch::Receiver<bool>,
}

impl Api {
    /// Opens the window.
    ///
    /// # Errors
    /// [`ApiError::Listen`] when the address cannot be listened on.
    pub async fn start(config: ApiConfig, backend: Arc<dyn Backend>) -> Result<Self, ApiError> {
        let in_the_way = |source| ApiError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(in_the_way)?;
        let address = listener.local_addr().map_err(in_the_way)?;
        let extensions: Arc<[Arc<dyn Extension>]> = config.extensions.into();
        let backend: Arc<dyn Backend> = Arc::new(InTurn::new(backend));
        let (told, _) = watch::channel(Told::new());
        let (closing, is_closing) = watch::channel(false);
        let shared = Shared {
            backend: Arc::clone(&backend),
            page: Arc::new(Page::new(&extensions)),
            told: told.clone(),
            streams: Arc::new(Semaphore::new(MAX_EVENT_STREAMS)),
            closing: is_closing.clone(),
        };
        let routes = routes::routes(shared, &extensions, address);
        let publisher = tokio::spawn(events::publish(backend, extensions, told));
        let server = tokio::spawn(async move {
            let mut is_closing = is_closing;
            let closed = async move { drop(is_closing.wait_for(|closing| *closing).await) };
            let server = axum::serve(BoundedListener::new(listener), routes).with_graceful_shutdown(closed);
            server.await.map_err(ApiError::Serve)
        });
        Ok(Self { address, closing, server, publisher })
    }

    /// Where it listens; with the port that the system chose, when it was left to it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the window once all questions under way are answered, or after two seconds.
    ///
    /// # Errors
    /// [`ApiError::Serve`] when the server had stopped by itself.
    pub async fn stop(mut self) -> Result<(), ApiError> {
        self.publisher.abort();
        self.closing.send_replace(true);
        match timeout(LAST_ANSWERS, &mut self.server).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(ApiError::Serve(std::io::Error::other(error))),
            Err(_) => {
                tracing::debug!("questions that were never finished are left unanswered");
                self.server.abort();
                Ok(())
            }
        }
    }
}

/// What `/api/status` answers now.
pub(crate) fn report(backend: &dyn Backend) -> StatusReport {
    StatusReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        snapshot: backend.status().as_ref().clone(),
        facts: backend.facts(),
    }
}
