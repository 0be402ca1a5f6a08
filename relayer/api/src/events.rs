//! Server-sent events: what the page shows, sent again whenever it changed. One task makes the texts, however many
//! listen, and only while somebody does.

use crate::{
    ApiError, Backend, Extension,
    packets::PacketReport,
    server::{Shared, report},
};
use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, future::join_all, stream};
use relayer_store::PacketQuery;
use serde_json::Value;
use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast::error::RecvError, watch},
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// The most listeners at once.
pub const MAX_EVENT_STREAMS: usize = 64;
/// Packets in each event.
const LIVE_PACKETS: u32 = 40;
/// Changes within this time are told together.
const PAUSE: Duration = Duration::from_millis(150);
/// Things that nobody tells of, like the age of a client, are looked at this often.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What an extension has to say is waited for this long; what comes later is told later. The rest does not wait for it:
/// a chain that does not answer is what people come to read about.
const EXTENSION_PATIENCE: Duration = Duration::from_millis(300);

/// What was last told, by name.
pub(crate) type Told = BTreeMap<&'static str, Arc<str>>;

/// Tells, as long as the server runs.
pub(crate) async fn publish(
    backend: Arc<dyn Backend>,
    extensions: Arc<[Arc<dyn Extension>]>,
    told: watch::Sender<Told>,
) {
    let mut notices = backend.notices();
    let mut extensions: Vec<Asked> = extensions.iter().map(|extension| Asked::new(Arc::clone(extension))).collect();
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = heartbeat.tick() => {}
            notice = notices.recv() => match notice {
                Ok(_) | Err(RecvError::Lagged(_)) => sleep(PAUSE).await,
                Err(RecvError::Closed) => {
                    // The engine is gone; the heart beats on.
                    sleep(HEARTBEAT).await;
                    notices = backend.notices();
                }
            },
        }
        // What came in the meantime is in what is read now.
        while notices.try_recv().is_ok_and(|_| true) {}
        if told.receiver_count() == 0 {
            continue;
        }
        let now = texts(backend.as_ref(), &mut extensions).await;
        told.send_if_modified(|before| {
            let changed = *before != now;
            if changed {
                // An unchanged text keeps its identity, by which listeners know it.
                *before = now
                    .into_iter()
                    .map(|(name, text)| match before.get(name) {
                        Some(same) if *same == text => (name, Arc::clone(same)),
                        _ => (name, text),
                    })
                    .collect();
            }
            changed
        });
    }
}

async fn texts(backend: &dyn Backend, extensions: &mut [Asked]) -> Told {
    let mut told = Told::new();
    let mut tell = |name, json: Result<String, serde_json::Error>| match json {
        Ok(json) => drop(told.insert(name, Arc::from(json))),
        Err(error) => tracing::error!(name, %error, "could not be written as json"),
    };
    tell("status", serde_json::to_string(&report(backend)));
    match backend.packets(&PacketQuery { limit: LIVE_PACKETS, ..PacketQuery::default() }).await {
        Ok(views) => tell("packets", serde_json::to_string(&views.iter().map(PacketReport::from).collect::<Vec<_>>())),
        Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "packets could not be read"),
    }
    join_all(extensions.iter_mut().map(Asked::ask)).await;
    for Asked { extension, last, .. } in extensions {
        if let Some(answer) = last {
            tell(extension.name(), serde_json::to_string(answer));
        }
    }
    told
}

/// An extension that is asked again when it has answered.
struct Asked {
    extension: Arc<dyn Extension>,
    asking: Option<JoinHandle<Value>>,
    last: Option<Value>,
}

impl Asked {
    const fn new(extension: Arc<dyn Extension>) -> Self {
        Self { extension, asking: None, last: None }
    }

    /// Waits a moment for what it says now; what it said last stays meanwhile.
    async fn ask(&mut self) {
        let extension = &self.extension;
        let asking = self.asking.get_or_insert_with(|| {
            let extension = Arc::clone(extension);
            tokio::spawn(async move { extension.data().await })
        });
        if let Ok(answer) = timeout(EXTENSION_PATIENCE, asking).await {
            self.asking = None;
            match answer {
                Ok(answer) => self.last = Some(answer),
                Err(error) => tracing::error!(name = extension.name(), %error, "an extension failed"),
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(asking) = &self.asking {
            asking.abort();
        }
    }
}

/// `/api/events`.
pub(crate) async fn events(
    State(shared): State<Shared>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let busy = |_| ApiError::Busy { maximum: MAX_EVENT_STREAMS };
    let permit = Arc::clone(&shared.streams).try_acquire_owned().map_err(busy)?;
    let mut told = shared.told.subscribe();
    // Whatever there was when the last listener left is old by now, and what is the same is not sent twice.
    told.mark_changed();
    let listener =
        Listener { told, sent: Told::new(), queue: Vec::new(), closing: shared.closing.clone(), _permit: permit };
    Ok(Sse::new(stream::unfold(listener, next)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

struct Listener {
    told: watch::Receiver<Told>,
    sent: Told,
    queue: Vec<Event>,
    closing: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

async fn next(mut listener: Listener) -> Option<(Result<Event, Infallible>, Listener)> {
    loop {
        if let Some(event) = listener.queue.pop() {
            return Some((Ok(event), listener));
        }
        tokio::select! {
            changed = listener.told.changed() => changed.ok()?,
            // Without this a page that is open would keep the server from ending.
            _ = listener.closing.wait_for(|closing| *closing) => return None,
        }
        let now = listener.told.borrow_and_update().clone();
        let fresh =
            now.iter().filter(|(name, text)| listener.sent.get(*name).is_none_or(|sent| !Arc::ptr_eq(sent, text)));
        listener.queue = fresh.map(|(name, text)| Event::default().event(*name).data(text.as_ref())).collect();
        listener.sent = now;
    }
}
