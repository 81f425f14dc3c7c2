//! Fetches a file that somebody attached, from where Discord keeps it: without our token, once, and no more of it than was announced.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::header::USER_AGENT;
use hyper::{Request, StatusCode};
use thiserror::Error;

use super::{AGENT, Sender};
use crate::discord::upload::Upload;

/// Why a file is not had.
#[derive(Debug, Error)]
pub enum FetchError {
    /// It lies elsewhere than where Discord keeps files.
    #[error("the file is not where Discord keeps files")]
    Elsewhere,
    /// Another status than 200.
    #[error("the file server answered {0}")]
    Status(StatusCode),
    /// It could not be read, or is longer than it may be.
    #[error("read the file")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Sender {
    /// Fetches a file of at most so many bytes. Whoever asks says how long that may take.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn fetch(&self, address: &str, bytes_max: usize) -> Result<Bytes, FetchError> {
        let uri = self
            .shared
            .api
            .file_uri(address)
            .ok_or(FetchError::Elsewhere)?;
        let request = Request::get(uri)
            .header(USER_AGENT, AGENT)
            .body(Upload::new(Vec::new()))
            .map_err(|error| FetchError::Broken(error.into()))?;
        let answer = self.shared.client.request(request).await;
        let answer = answer.map_err(|error| FetchError::Broken(error.into()))?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), bytes_max).collect().await;
        body.map(http_body_util::Collected::to_bytes)
            .map_err(FetchError::Broken)
    }
}
