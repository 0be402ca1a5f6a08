//! The page: one document, put together once, with everything in it.

use crate::Extension;
use axum::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

const DOCUMENT: &str = include_str!("../page/page.html");
const STYLE: &str = include_str!("../page/page.css");
const SCRIPT: &str = include_str!("../page/page.js");

/// The document and the policy that lets it do no more than it has to.
pub(crate) struct Page {
    pub(crate) html: String,
    pub(crate) policy: HeaderValue,
}

impl Page {
    /// The page with the sections of the extensions.
    pub(crate) fn new(extensions: &[Arc<dyn Extension>]) -> Self {
        let sections: Vec<_> = extensions.iter().map(|extension| extension.section()).collect();
        let style = STYLE.to_owned() + &sections.iter().map(|section| section.style).collect::<String>();
        let scripts = sections.iter().map(|section| section.script).collect::<String>();
        // Extensions register before the page begins to listen.
        let script = SCRIPT.replace("/* extensions */", &scripts);
        let html = sections.iter().map(|section| section.html).collect::<String>();
        let html = DOCUMENT
            .replace("<!-- sections -->", &html)
            .replace("/* style */", &style)
            .replace("/* script */", &script);
        let policy = format!(
            "default-src 'none'; connect-src 'self'; img-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            digest(&style),
            digest(&script)
        );
        // Base64 and the text above are all visible ASCII.
        let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { html, policy }
    }
}

fn digest(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}
