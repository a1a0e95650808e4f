//! The page: a small HTTP server that shows how the node stands, and changes nothing.
//!
//! | path | module | answers |
//! |---|---|---|
//! | `/`, `/page.css`, `/page.js` | [`page`] | what does one see? |
//! | `/api/status` | [`json`] | how does the node stand? |
//! | `/api/explain/GROUP/N`, `/explain/GROUP/N` | [`json`] | how did the last failover but N - 1 go? As data, as text |
//! | `/api/events` | [`events`] | the same, again whenever it changes and once a second |

mod events;
mod json;
mod listener;
mod page;

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use tokio::task::AbortHandle;

use crate::status::Source;

/// Where the page is served, if it is. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Page(Arc<Mutex<Place>>);

#[derive(Default)]
struct Place {
    socket: Option<TcpListener>,
    serving: Option<AbortHandle>,
}

impl Page {
    /// It is here from now on, or nowhere. Browsers that look at it keep their connection.
    pub(crate) fn set(&self, socket: Option<TcpListener>) {
        self.close();
        self.place().socket = socket;
    }

    /// Lets browsers in.
    pub(crate) fn open(&self, source: &Source) {
        let mut place = self.place();
        let Some(listener) = place.socket.as_ref().map(TcpListener::try_clone) else { return };
        let source = source.clone();
        let serving = tokio::spawn(async move {
            let served = match listener {
                Ok(listener) => run(listener, source).await,
                Err(e) => Err(e),
            };
            if let Err(e) = served {
                tracing::error!("the status page is gone: {e}; everything else goes on");
            }
        });
        place.serving = Some(serving.abort_handle());
    }

    /// Lets nobody in; the socket listens on.
    pub(crate) fn close(&self) {
        if let Some(serving) = self.place().serving.take() {
            serving.abort();
        }
    }

    /// The socket, for another process.
    pub(crate) fn socket(&self) -> std::io::Result<Option<OwnedFd>> {
        self.place().socket.as_ref().map(|socket| Ok(socket.try_clone()?.into())).transpose()
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves for ever.
async fn run(listener: TcpListener, source: Source) -> std::io::Result<()> {
    let listener = listener::Bounded::new(tokio::net::TcpListener::from_std(listener)?);
    let feed = events::start(source.clone());
    let router = Router::new()
        .route("/", get(page::html))
        .route("/page.css", get(page::css))
        .route("/page.js", get(page::js))
        .route("/api/status", get(json::status).with_state(source.clone()))
        .route("/api/explain/{group}/{nr}", get(json::explain).with_state(source.clone()))
        .route("/explain/{group}/{nr}", get(json::story).with_state(source))
        .route("/api/events", get(events::stream).with_state(feed))
        .layer(middleware::from_fn(guard));
    axum::serve(listener, router).await
}

/// What a browser may do with the answers: run our script, and nothing that anybody else has written into them.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
