//! The clients of hyper-util: one `client::legacy::Client` with its own pool, on the kernel's
//! sockets.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::network::{SERVER, host};
use super::storm::{Ask, PATIENCE};
use super::tally::{Outcome, Told};

/// All clients of one process.
#[derive(Clone, Debug)]
pub(super) struct Hyper {
    client: legacy::Client<Connector, Nothing>,
}

/// Connects to the server, whatever host is asked for.
#[derive(Clone, Copy, Debug)]
struct Connector;

/// A request's body.
#[derive(Clone, Copy, Debug)]
struct Nothing;

impl Hyper {
    /// Its settings are its own but for `retries`: whether it sends a request again of which nothing
    /// was written when its connection turned out to be gone, as it does by default.
    pub(super) fn new(retries: bool) -> Self {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).retry_canceled_requests(retries);
        Self { client: builder.build(Connector) }
    }

    async fn exchange(&self, client: u32, number: u32) -> Outcome {
        let uri = format!("http://{}/{number}", host(client));
        let request = Request::get(uri).body(Nothing).expect("its parts are well-formed");
        match self.client.request(request).await {
            Ok(response) => match read(response).await {
                Ok(body) if body == number.to_string().as_bytes() => Outcome::Answered,
                Ok(_) => Outcome::Failed("another's answer"),
                Err(_) => Outcome::Failed("answer cut short"),
            },
            Err(error) if error.is_connect() => Outcome::Failed("connect"),
            Err(error) => Outcome::Stale { told: told(&error), as_end: false },
        }
    }
}

impl Ask for Hyper {
    async fn ask(&self, client: u32, number: u32) -> Outcome {
        let asked = timeout(PATIENCE, self.exchange(client, number)).await;
        asked.unwrap_or(Outcome::Failed("no answer in time"))
    }
}

/// What the error says of the request: that nothing of it was written, or nothing.
fn told(error: &legacy::Error) -> Told {
    let cause = std::error::Error::source(error).and_then(|it| it.downcast_ref::<hyper::Error>());
    let is_unsent = cause.is_some_and(|it| it.is_canceled() || it.is_closed());
    if is_unsent { Told::NeverSent } else { Told::Nothing }
}

/// The whole body.
async fn read(response: Response<Incoming>) -> hyper::Result<Vec<u8>> {
    let (mut body, mut bytes) = (response.into_body(), Vec::new());
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(async {
            let stream = TcpStream::connect(SERVER).await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}

impl Body for Nothing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}
