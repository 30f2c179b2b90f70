//! In which of the stack's queues a connection stands: in each once at most.

/// A queue of the stack.
#[derive(Clone, Copy, Debug)]
pub(super) enum Queue {
    /// It may have something to send.
    Ready = 1,
    /// It may have events for its owner.
    Eventful = 2,
    /// It rests once it was quiet.
    Watched = 4,
}

/// The queues in which a connection stands, in one byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing(u8);

impl Standing {
    /// Whether it stands in `queue`.
    pub(super) fn is_in(self, queue: Queue) -> bool {
        self.0 & queue as u8 != 0
    }

    /// It joins `queue`; says whether it has to be put there, since it did not stand in it.
    pub(super) fn join(&mut self, queue: Queue) -> bool {
        let joins = !self.is_in(queue);
        self.0 |= queue as u8;
        joins
    }

    /// It has been taken out of `queue`.
    pub(super) fn leave(&mut self, queue: Queue) {
        self.0 &= !(queue as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_is_joined_once_and_left_by_itself() {
        let mut standing = Standing::default();
        for queue in [Queue::Ready, Queue::Eventful, Queue::Watched] {
            assert!(standing.join(queue));
            assert!(!standing.join(queue));
        }
        standing.leave(Queue::Eventful);
        assert!(standing.is_in(Queue::Ready) && standing.is_in(Queue::Watched));
        assert!(!standing.is_in(Queue::Eventful));
    }
}
