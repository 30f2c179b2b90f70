//! The only place that knows Prometheus: a snapshot becomes the text of `/metrics`.
//!
//! The pure layers count in plain integers. [`render`] mirrors them into the recorder of
//! `metrics-exporter-prometheus` (counters by `absolute`, gauges by `set`), lets it render, and
//! appends our histograms. Each render fills a recorder of its own: nothing is kept between two
//! scrapes, so a route that a reload removed leaves no series behind, and no global is installed.
//!
//! Invariants: every series has help and type; the number of series is bounded by
//! [`view::ROUTES_MAX`] and the vocabularies; equal snapshots give equal text.

pub mod table;
mod text;
pub mod view;

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use self::table::{Metric, Read, TABLE};
use self::view::{ProcessFacts, View};
use crate::snapshot::Snapshot;

/// What every name begins with.
pub const PREFIX: &str = "wharf_";

/// The content type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text of `/metrics` for one snapshot.
pub fn render(snapshot: &Snapshot, process: &ProcessFacts) -> String {
    let view = View::new(snapshot, process);
    let recorder = PrometheusBuilder::new().build_recorder();
    record_stack(&recorder, &view);
    let mut histograms = String::new();
    for metric in TABLE {
        match metric.read {
            Read::Counter(read) => read(&view, &mut |values, count| {
                record_counter(&recorder, metric, values, count);
            }),
            Read::Gauge(read) => read(&view, &mut |values, level| {
                record_gauge(&recorder, metric, values, level);
            }),
            Read::Histogram(_) => write_histograms(&mut histograms, metric, &view),
        }
    }
    text::sorted(&recorder.handle().render()) + &histograms
}

/// The stack's own counters, by the names of its table.
fn record_stack(recorder: &PrometheusRecorder, view: &View<'_>) {
    for counter in view.snapshot.tcp.entries() {
        let name = stack_name(counter.name);
        recorder.describe_counter(KeyName::from(name.clone()), None, counter.help.into());
        recorder.register_counter(&Key::from_name(name), &METADATA).absolute(counter.value);
    }
}

/// The kernel counts IP and ICMP in groups beside TCP's, so those names carry no `tcp_`.
fn stack_name(name: &str) -> String {
    let is_of_another_group = name.starts_with("ip_") || name.starts_with("icmp_");
    let group = if is_of_another_group { "" } else { "tcp_" };
    format!("{PREFIX}{group}{name}_total")
}

/// Where a metric comes from: the recorder asks for it, and renders it nowhere.
const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

fn record_counter(recorder: &PrometheusRecorder, metric: &Metric, values: &[&str], count: u64) {
    recorder.describe_counter(KeyName::from(full_name(metric)), None, metric.help.into());
    recorder.register_counter(&key(metric, values), &METADATA).absolute(count);
}

fn record_gauge(recorder: &PrometheusRecorder, metric: &Metric, values: &[&str], level: f64) {
    recorder.describe_gauge(KeyName::from(full_name(metric)), None, metric.help.into());
    recorder.register_gauge(&key(metric, values), &METADATA).set(level);
}

fn write_histograms(text: &mut String, metric: &Metric, view: &View<'_>) {
    let Read::Histogram(read) = metric.read else { return };
    let name = full_name(metric);
    let mut series = String::new();
    read(view, &mut |values, distribution| {
        let labels: Vec<_> = labels(metric, values).collect();
        text::write_histogram(&mut series, &name, &labels, distribution);
    });
    if !series.is_empty() {
        text::write_histogram_head(text, &name, metric.help);
        text.push_str(&series);
        text.push('\n');
    }
}

fn full_name(metric: &Metric) -> String {
    format!("{PREFIX}{}", metric.name)
}

fn key(metric: &Metric, values: &[&str]) -> Key {
    let labels = labels(metric, values).map(|(name, value)| Label::new(name, value.to_owned()));
    Key::from_parts(full_name(metric), labels.collect::<Vec<_>>())
}

fn labels<'a>(
    metric: &Metric,
    values: &'a [&'a str],
) -> impl Iterator<Item = (&'static str, &'a str)> {
    assert_eq!(metric.labels.len(), values.len(), "{}: one value for each label", metric.name);
    metric.labels.iter().copied().zip(values.iter().copied())
}
