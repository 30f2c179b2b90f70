//! Many idle connections of a stack, each of which has served a request, as in a pool; and the
//! other end of all of them, which holds nothing of any.

mod farm;
mod responder;

pub use self::farm::{Farm, Surroundings};
pub use self::responder::{REQUEST, RESPONSE, respond};
