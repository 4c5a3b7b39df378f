//! HTTP in, JSON out: both generations of the onboarding API and the cost API over the same steps.
//!
//! *Invariant:* a handler authenticates, calls one step and shapes its answer. Nothing here touches SQL, AWS or the lake,
//! and nothing but `access` holds the `App`: what an org's handler can reach, it reaches as that org.

mod access;
mod body;
mod body_doc;
mod check_view;
mod convert;
mod error;
mod guard;
mod limits;
mod meter;
mod openapi;
mod route;
mod routes;
mod serve;
mod settings;

use std::sync::Arc;

use app::App;
use axum::Router;
use axum::middleware;

pub use limits::{LimitSettings, Network, NoNetwork};
pub use serve::serve;
pub use settings::HttpSettings;

use crate::access::Http;
use crate::error::ApiError;

/// Every route's method and path, for whoever checks them all; `{org}` stands for an org's id.
pub fn route_list() -> Vec<(&'static str, &'static str)> {
    routes::all().iter().map(|route| (route.method, route.path)).collect()
}

/// Every route of the API, ready to be served.
pub fn router(app: Arc<App>, settings: HttpSettings) -> Router {
    let http = Http::new(app, settings);
    let mut router = Router::new();
    for route in routes::all() {
        router = router.route(route.path, route.handler);
    }
    // No trailing-slash or case redirects: what is not in the table is not found.
    router
        .fallback(|| async { ApiError::not_found("there is no such route; `GET /openapi.json` lists those there are") })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(middleware::from_fn_with_state(http.clone(), guard::guard))
        .with_state(http)
}

#[cfg(test)]
mod tests;
