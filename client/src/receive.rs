//! Reading from a session's socket while a descriptor may come along with the bytes.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recv, recvmsg};

use crate::session::Session;

/// Reads what comes next into the session, 0 bytes at the socket's end.
///
/// Plain reading would close descriptors unseen; it is for when none is due.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    session: &mut Session,
    flags: RecvFlags,
) -> Result<usize, Errno> {
    if !session.expects_descriptor() {
        let room = session.room();
        let (count, _) = retry_on_intr(|| recv(socket, &mut *room, flags))?;
        session.filled(count);
        return Ok(count);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = flags | RecvFlags::CMSG_CLOEXEC;
    let mut slices = [IoSliceMut::new(session.room())];
    let received = retry_on_intr(|| recvmsg(socket, &mut slices, &mut ancillary, flags))?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            descriptors.for_each(|descriptor| session.descriptor_arrived(descriptor));
        }
    }
    session.filled(received.bytes);
    Ok(received.bytes)
}
