//! How does the node stand, for programs?

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::status::{Source, Status};

/// `/api/status`.
pub(super) async fn status(State(source): State<Source>) -> Result<Json<Status>, StatusCode> {
    source.status().await.map(Json).ok_or(StatusCode::SERVICE_UNAVAILABLE)
}
