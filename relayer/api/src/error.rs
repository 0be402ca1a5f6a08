use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use relayer_store::StoreError;
use std::{io, net::SocketAddr};

/// Why the window could not be opened, or a question not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The address is taken, or not one of this machine.
    #[error("{address}: expected an address that can be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The server stopped.
    #[error("the server stopped")]
    Serve(#[source] io::Error),
    /// A part of the question is not what it has to be.
    #[error("{field}: expected {expected}, found {found:?}")]
    Question {
        /// The parameter.
        field: &'static str,
        /// Its form.
        expected: &'static str,
        /// What was sent, cut short.
        found: String,
    },
    /// Nothing of that name.
    #[error("{what}: expected one that is known, found none")]
    Unknown {
        /// What was asked for.
        what: String,
    },
    /// Too many are listening.
    #[error("event streams: expected at most {maximum}, found all in use")]
    Busy {
        /// The limit.
        maximum: usize,
    },
    /// The database did not answer.
    #[error("the database did not answer")]
    Store(#[from] StoreError),
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Question { .. } => StatusCode::BAD_REQUEST,
            Self::Unknown { .. } => StatusCode::NOT_FOUND,
            Self::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Listen { .. } | Self::Serve(_) | Self::Store(_) => {
                // The reason may name files: it goes to the log and not to whoever asked.
                tracing::error!(error = &self as &dyn std::error::Error, "a question could not be answered");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        (status, Json(serde_json::json!({ "error": self.to_string() }))).into_response()
    }
}
