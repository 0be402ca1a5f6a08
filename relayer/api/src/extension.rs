use async_trait::async_trait;
use axum::Router;
use serde_json::Value;

/// What a binary that knows more than packets adds to the window.
#[async_trait]
pub trait Extension: Send + Sync + 'static {
    /// Its name: the type of its live event, and the key of its data.
    fn name(&self) -> &'static str;

    /// Its part of the page.
    fn section(&self) -> Section;

    /// What its part of the page shows now. Called while somebody is looking, a few times a second at most.
    async fn data(&self) -> Value;

    /// Routes of its own, by full path. Empty where it only shows.
    fn routes(&self) -> Router {
        Router::new()
    }
}

/// A part of the page, put together with the rest when the server starts.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// HTML of a `<section>`; texts to be translated carry `data-t`.
    pub html: &'static str,
    /// A script; it registers with `lighterman.on(name, render)` and brings its texts.
    pub script: &'static str,
    /// Style rules.
    pub style: &'static str,
}
