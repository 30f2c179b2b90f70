//! The server, on the kernel's TCP: answers each request at once, notes it in its log, and closes a
//! connection that was idle for as long as it allows.
//!
//! Its clock for a connection begins when the answer is written, or the connection accepted. It
//! closes as any server does, with close(2): a request that arrives behind its FIN is answered by
//! the kernel with a RST.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use wharf_transport::device::simulated::prng::Prng;

use super::case::Limit;
use super::http::{Asked, answer, read_request};
use super::log::Log;
use super::network::SERVER;
use crate::grid::stop::{LOOK, Stop};

/// Connections that wait to be accepted: as many as come while the machine is busy elsewhere.
const BACKLOG: u32 = 4096;

/// Bytes read at once: a request has less than a tenth.
const READ_BYTES: usize = 1024;

/// Begins to listen, in the namespace of the calling thread. Call within a runtime.
pub(super) fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SERVER)?;
    socket.listen(BACKLOG)
}

/// Serves until the run stops.
pub(super) async fn serve(
    listener: TcpListener,
    limit: Limit,
    log: Arc<Log>,
    stop: &Stop,
) -> io::Result<()> {
    while !stop.is_set() {
        let Ok(accepted) = timeout(LOOK, listener.accept()).await else { continue };
        let (stream, _) = accepted?;
        let prng = Prng::new(!u64::from(log.note_accepted()));
        tokio::spawn(attend(stream, limit, prng, Arc::clone(&log)));
    }
    Ok(())
}

/// One connection, until its peer or its limit ends it.
async fn attend(mut stream: TcpStream, limit: Limit, mut prng: Prng, log: Arc<Log>) {
    let mut bytes = Vec::new();
    loop {
        match timeout(limit.draw(&mut prng), next_request(&mut stream, &mut bytes)).await {
            Err(_) => return log.note_closed_idle(),
            Ok(Err(_) | Ok(None)) => return,
            Ok(Ok(Some(Err(())))) => return log.note_unreadable(),
            Ok(Ok(Some(Ok(number)))) => {
                log.note(number);
                if stream.write_all(answer(number).as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The number of the next request, or that it has none; nothing at the end of the stream.
async fn next_request(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
) -> io::Result<Option<Result<u32, ()>>> {
    loop {
        if let Asked::Request { number, len } = read_request(bytes) {
            bytes.drain(..len);
            return Ok(Some(number.ok_or(())));
        }
        bytes.reserve(READ_BYTES);
        if stream.read_buf(bytes).await? == 0 {
            return Ok(None);
        }
    }
}
