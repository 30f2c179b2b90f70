//! From canonical spelling to typed value, for the structs' `Deserialize`.
//!
//! What comes here has passed the table of keys, so an error means that table and structs
//! disagree; the tests look for that.

use core::ops::RangeInclusive;
use core::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use super::fault::Wrong;
use super::pattern::RoutePattern;
use super::prefix::Prefix;
use super::text;
use super::types::MetricsListen;

fn read<'de, D, T>(decoder: D, parse: impl Fn(&str) -> Result<T, Wrong>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(decoder)?;
    parse(&text).map_err(|wrong| D::Error::custom(wrong.reason))
}

pub(super) fn duration<'de, D: Deserializer<'de>>(decoder: D) -> Result<Duration, D::Error> {
    read(decoder, text::parse_duration)
}

pub(super) fn duration_or_off<'de, D: Deserializer<'de>>(
    decoder: D,
) -> Result<Option<Duration>, D::Error> {
    read(decoder, |text| match text {
        text::OFF => Ok(None),
        text => text::parse_duration(text).map(Some),
    })
}

pub(super) fn size<'de, D: Deserializer<'de>>(decoder: D) -> Result<usize, D::Error> {
    read(decoder, |text| {
        let bytes = text::parse_size(text)?;
        usize::try_from(bytes).map_err(|_| Wrong::new("more than this machine can address"))
    })
}

pub(super) fn mode<'de, D: Deserializer<'de>>(decoder: D) -> Result<u32, D::Error> {
    read(decoder, text::parse_mode)
}

pub(super) fn port_range<'de, D: Deserializer<'de>>(
    decoder: D,
) -> Result<RangeInclusive<u16>, D::Error> {
    read(decoder, text::parse_port_range)
}

pub(super) fn prefixes<'de, D: Deserializer<'de>>(decoder: D) -> Result<Vec<Prefix>, D::Error> {
    let list = Vec::<String>::deserialize(decoder)?;
    list.iter()
        .map(|text| text::parse_prefix(text).map_err(|wrong| D::Error::custom(wrong.reason)))
        .collect()
}

pub(super) fn listen<'de, D: Deserializer<'de>>(decoder: D) -> Result<MetricsListen, D::Error> {
    read(decoder, text::parse_listen)
}

pub(super) fn pattern<'de, D: Deserializer<'de>>(decoder: D) -> Result<RoutePattern, D::Error> {
    read(decoder, |text| {
        text.parse().map_err(|bad: super::origin::BadOrigin| Wrong::new(bad.to_string()))
    })
}
