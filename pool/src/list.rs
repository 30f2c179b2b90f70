//! Lists that run through an arena: the links stand in the members, so that entering, leaving and
//! taking either end cost the same at any length and allocate nothing.
//!
//! A member may be in several lists of different kinds at once, in each kind in one list at most.
//! Who leaves must say which list it is in; the list cannot tell.

use core::fmt;
use core::marker::PhantomData;

use crate::arena::{Arena, NIL};

/// A member's neighbours in one list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    prev: u32,
    next: u32,
}

impl Default for Link {
    fn default() -> Self {
        Self { prev: NIL, next: NIL }
    }
}

/// A kind of list, which knows where its links stand in a `T`.
pub(crate) trait Chain<T> {
    fn link(member: &T) -> &Link;
    fn link_mut(member: &mut T) -> &mut Link;
}

/// A doubly linked list of one kind.
pub(crate) struct List<K> {
    front: u32,
    back: u32,
    kind: PhantomData<K>,
}

impl<K> List<K> {
    pub(crate) const fn new() -> Self {
        Self { front: NIL, back: NIL, kind: PhantomData }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.front == NIL
    }

    /// The first, if there is one.
    pub(crate) fn front(&self) -> Option<u32> {
        (self.front != NIL).then_some(self.front)
    }

    /// The last, if there is one.
    pub(crate) fn back(&self) -> Option<u32> {
        (self.back != NIL).then_some(self.back)
    }

    /// The neighbour of `index` on the way to the front.
    pub(crate) fn before<T>(arena: &Arena<T>, index: u32) -> Option<u32>
    where
        K: Chain<T>,
    {
        let prev = K::link(&arena[index]).prev;
        (prev != NIL).then_some(prev)
    }

    /// The neighbour of `index` on the way to the back.
    pub(crate) fn after<T>(arena: &Arena<T>, index: u32) -> Option<u32>
    where
        K: Chain<T>,
    {
        let next = K::link(&arena[index]).next;
        (next != NIL).then_some(next)
    }

    pub(crate) fn push_front<T>(&mut self, arena: &mut Arena<T>, index: u32)
    where
        K: Chain<T>,
    {
        *K::link_mut(&mut arena[index]) = Link { prev: NIL, next: self.front };
        match self.front() {
            Some(front) => K::link_mut(&mut arena[front]).prev = index,
            None => self.back = index,
        }
        self.front = index;
    }

    pub(crate) fn push_back<T>(&mut self, arena: &mut Arena<T>, index: u32)
    where
        K: Chain<T>,
    {
        *K::link_mut(&mut arena[index]) = Link { prev: self.back, next: NIL };
        match self.back() {
            Some(back) => K::link_mut(&mut arena[back]).next = index,
            None => self.front = index,
        }
        self.back = index;
    }

    /// Takes `index` out, which is in this list.
    pub(crate) fn unlink<T>(&mut self, arena: &mut Arena<T>, index: u32)
    where
        K: Chain<T>,
    {
        let Link { prev, next } = core::mem::take(K::link_mut(&mut arena[index]));
        if prev == NIL {
            assert!(self.front == index, "a member without one before it is the first");
            self.front = next;
        } else {
            K::link_mut(&mut arena[prev]).next = next;
        }
        if next == NIL {
            assert!(self.back == index, "a member without one after it is the last");
            self.back = prev;
        } else {
            K::link_mut(&mut arena[next]).prev = prev;
        }
    }
}

impl<K> fmt::Debug for List<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "List({:?}..{:?})", self.front(), self.back())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct All;
    impl Chain<Link> for All {
        fn link(member: &Link) -> &Link {
            member
        }
        fn link_mut(member: &mut Link) -> &mut Link {
            member
        }
    }

    fn members(list: &List<All>, arena: &Arena<Link>) -> Vec<u32> {
        let mut found: Vec<u32> =
            core::iter::successors(list.back(), |&index| List::<All>::before(arena, index))
                .collect();
        found.reverse();
        assert_eq!(found.first().copied(), list.front());
        let there = core::iter::successors(list.front(), |&index| List::<All>::after(arena, index));
        assert!(there.eq(found.iter().copied()), "the way back is the way there");
        found
    }

    #[test]
    fn members_leave_from_either_end_and_from_between() {
        for (leaver, rest) in [(0, [1, 2]), (1, [0, 2]), (2, [0, 1])] {
            let mut arena = Arena::new();
            let mut list = List::<All>::new();
            for _ in 0..3 {
                let (index, _) = arena.insert(Link::default());
                list.push_back(&mut arena, index);
            }
            list.unlink(&mut arena, leaver);
            assert_eq!(members(&list, &arena), rest);
            list.push_front(&mut arena, leaver);
            assert_eq!(members(&list, &arena), [leaver, rest[0], rest[1]]);
        }
    }

    #[test]
    #[should_panic(expected = "is the first")]
    fn leaving_a_list_that_one_is_not_in_is_found_out() {
        let mut arena = Arena::new();
        let mut list = List::<All>::new();
        for _ in 0..2 {
            let (index, _) = arena.insert(Link::default());
            list.push_back(&mut arena, index);
        }
        list.unlink(&mut arena, 0);
        list.unlink(&mut arena, 0);
    }
}
