//! How does the node stand, and how did a failover go, for programs? The second also for people, as text.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::explain::{self, Explained};
use crate::status::{Source, Status};

/// `/api/status`.
pub(super) async fn status(State(source): State<Source>) -> Result<Json<Status>, StatusCode> {
    source.status().await.map(Json).ok_or(StatusCode::SERVICE_UNAVAILABLE)
}

/// `/api/explain/GROUP/N`.
pub(super) async fn explain(place: Place, source: State<Source>) -> Result<Json<Explained>, (StatusCode, String)> {
    explained(place, source).await.map(Json)
}

/// `/explain/GROUP/N`: what `standfast explain` prints.
pub(super) async fn story(place: Place, source: State<Source>) -> Result<String, (StatusCode, String)> {
    explained(place, source).await.map(|explained| explain::text(&explained))
}

/// A group, and which of its failovers: 1 is the last.
type Place = Path<(String, usize)>;

async fn explained(Path((group, nr)): Place, State(source): State<Source>) -> Result<Explained, (StatusCode, String)> {
    match explain::of(&source, Some(&group), nr).await {
        Ok(Some(explained)) => Ok(explained),
        Ok(None) => Err((StatusCode::SERVICE_UNAVAILABLE, "the node is stopping\n".to_owned())),
        Err(why) => Err((StatusCode::NOT_FOUND, format!("{why}\n"))),
    }
}
