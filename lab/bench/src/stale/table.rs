//! What came of it: what requests were lost, what their clients were told, and what was learned.

use serde_json::{Value, json};

use super::run::Run;
use super::tally::Told;
use super::{Case, Contender, Extent, ROUND_TRIP, Row};
use crate::machine::Machine;
use crate::scheduling::Scheduling;
use crate::statistics::Spread;

/// The learned limit may be off by this part of the server's at most.
const GOAL_LEARNED: f64 = 0.1;

/// For people.
#[must_use]
pub fn report(machine: &Machine, scheduling: Scheduling, extent: &Extent, rows: &[Row]) -> String {
    format!(
        "\
{machine}.

{leases} requests a contender and server, each asked once. Clients and server are in namespaces of their own, with a relay between
them that delays: round trip {round_trip} ms, no loss; {scheduling} threads. The server, on the kernel's TCP, answers each request at once,
notes its number in its log, and closes a connection that has been idle for its limit: 1 s, 5 s, or drawn anew for every pause
from 0.2 to 5 s. Each client asks a host name of its own, so that it has a connection of its own, and pauses before each request.
The pauses are the same for all contenders: of a fixed limit 40 % within 5 % of it, 30 % beyond that up to half as long again, and
the rest from a tenth of it; of the random one all lengths from 0.1 to 5 s alike. So many are near the limit on purpose: shares of
errors are this schedule's, not any service's. The contenders take turns.

*wharfd* is the daemon itself, a process on a TUN device whose packets the kernel forwards, with its defaults but for sizes; its
clients (wharf-client, tokio) lease over its Unix socket. *hyper-util* is `client::legacy::Client` on the kernel's sockets, by
default (idle timeout 90 s, `retry_canceled_requests`) and with `retry_canceled_requests(false)`, which shows what the retries
hide. Told a `pool_idle_timeout` below the server's limit it would close in time as well; neither contender is told anything here.
wharfd sends nothing again (transparent replay is not built): every request that it lost is an error, told to its client as a
RESET with its verdict.

A stale error is a request that failed because its connection was gone. What was told of it: wharfd's verdict; of hyper's errors
those that say that nothing was written (canceled) are never_sent, the others say nothing. *Processed* are those whose request is
in the server's log all the same. never_sent and unprocessed promise that it is not: goal 0 broken promises. *As an end* are
those of wharfd whose client read the end of the stream first, and the verdict only behind it.

{errors}
{verdicts}
Connections, by the server's log, and what else there was. To close before the server does costs handshakes: wharfd needs more
connections for it. *Doubled*: requests that the server processed more than once.

{connections}
What wharfd has learned of the limit, looked at once a second; goal: within {goal:.0} % of a fixed one at the end. A limit that is
none shows as what it is taken for. Then by whom idle connections were closed, by the daemon's count.

{learned}",
        leases = extent.leases,
        round_trip = ROUND_TRIP.as_millis(),
        goal = GOAL_LEARNED * 100.0,
        errors = error_table(rows),
        verdicts = verdicts(rows),
        connections = connection_table(rows),
        learned = learned_table(rows),
    )
}

fn runs(rows: &[Row]) -> impl Iterator<Item = (&Row, Contender, &Run)> {
    rows.iter().flat_map(|row| row.runs.iter().map(move |(who, run)| (row, *who, run)))
}

fn error_table(rows: &[Row]) -> String {
    let mut text = String::from("| server | who | requests | stale errors | % |");
    text.extend(Told::ALL.map(|told| format!(" {} (processed) |", told.name())));
    text += " as an end | promises broken |\n|---|---|---:|---:|---:|";
    text += &"---:|".repeat(Told::ALL.len() + 2);
    text.push('\n');
    for (row, who, run) in runs(rows) {
        let tally = &run.tally;
        let (errors, requests) = (tally.errors(), tally.requests());
        let share = f64::from(errors) * 100.0 / f64::from(requests.max(1));
        text += &format!("| {} | {} | {requests} | {errors} | {share:.3} |", row.case, who.name());
        text.extend(Told::ALL.map(|told| {
            let said = tally.said(told);
            format!(" {} ({}) |", said.errors, said.processed)
        }));
        text += &format!(" {} | {} |\n", tally.as_end, tally.broken_promises());
    }
    text
}

/// Whether no promise was broken, and how many errors there are to one of hyper's.
fn verdicts(rows: &[Row]) -> String {
    let broken: u32 = runs(rows).map(|(.., run)| run.tally.broken_promises()).sum();
    let is_met = if broken == 0 { "met" } else { "missed" };
    let mut text =
        format!("- Promises that the server's log breaks: {broken} (goal 0: {is_met}).\n");
    for row in rows {
        let errors = |asked| row.of(asked).map(|run| run.tally.errors());
        if let (Some(ours), Some(theirs)) = (errors(Contender::Ours), errors(Contender::Hyper)) {
            text += &format!("- {}: wharfd {ours} stale errors, hyper-util {theirs}.\n", row.case);
        }
    }
    text
}

fn connection_table(rows: &[Row]) -> String {
    let mut text = String::from(
        "\
| server | who | clients | seconds | connections | closed as idle | doubled | other failures | relay late, us (99 %) |
|---|---|---:|---:|---:|---:|---:|---|---:|
",
    );
    for (row, who, run) in runs(rows) {
        let failed = run.tally.failed.iter().map(|(reason, count)| format!("{count} {reason}"));
        let failed = failed.collect::<Vec<_>>().join(", ");
        text += &format!(
            "| {} | {} | {} | {:.0} | {} | {} | {} | {} | {} |\n",
            row.case,
            who.name(),
            row.clients,
            run.seconds,
            run.accepted,
            run.closed_idle,
            run.tally.doubled,
            if failed.is_empty() { "none" } else { &failed },
            run.passage.late_micros(0.99),
        );
    }
    text
}

fn learned_table(rows: &[Row]) -> String {
    let mut text = String::from(
        "\
| server | learned at the end, s | off by, % | goal met | meanwhile, s | after, s | closed as learned | closed by the server |
|---|---:|---:|---|---:|---:|---:|---:|
",
    );
    for (row, _, run) in runs(rows) {
        let Some(figures) = &run.daemon else { continue };
        let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let error = learned_error(row.case, run);
        let is_met = match error {
            Some(error) if error.abs() <= GOAL_LEARNED => "yes",
            Some(_) => "no",
            None if row.case.limit.fixed().is_some() => "no",
            None => "",
        };
        let between = |it: Spread| format!("{:.3} ({:.3}-{:.3})", it.median, it.min, it.max);
        text += &format!(
            "| {} | {} | {} | {is_met} | {} | {} | {} | {} |\n",
            row.case,
            shown(figures.last().map(|learned| format!("{learned:.3}"))),
            shown(error.map(|error| format!("{:+.1}", error * 100.0))),
            shown(figures.limit().map(between)),
            shown(figures.last().map(|_| figures.looks_before().to_string())),
            figures.closed_learned,
            figures.closed_by_peer,
        );
    }
    text
}

/// By which part of the server's limit what was learned at last is off; none if nothing was
/// learned, or there is none to learn.
fn learned_error(case: Case, run: &Run) -> Option<f64> {
    let limit = case.limit.fixed()?.as_secs_f64();
    let learned = run.daemon.as_ref()?.last()?;
    Some((learned - limit) / limit)
}

/// For machines.
#[must_use]
pub fn json(machine: &Machine, scheduling: Scheduling, extent: &Extent, rows: &[Row]) -> Value {
    let told = |run: &Run| {
        let said = Told::ALL.map(|told| (told.name(), run.tally.said(told)));
        let said = said.map(|(name, count)| {
            (name.to_owned(), json!({ "errors": count.errors, "processed": count.processed }))
        });
        Value::Object(said.into_iter().collect())
    };
    let daemon = |case: Case, run: &Run| {
        run.daemon.as_ref().map(|figures| {
            json!({
                "learned_s_each_second": figures.learned,
                "learned_off_by": learned_error(case, run),
                "stale_errors_by_daemon": figures.errors(),
                "closed_learned": figures.closed_learned,
                "closed_by_peer": figures.closed_by_peer,
            })
        })
    };
    let one = |(row, who, run): (&Row, Contender, &Run)| {
        json!({
            "server": row.case.to_string(),
            "who": who.name(),
            "clients": row.clients,
            "requests": run.tally.requests(),
            "answered": run.tally.answered,
            "stale_errors": run.tally.errors(),
            "told": told(run),
            "as_end": run.tally.as_end,
            "promises_broken": run.tally.broken_promises(),
            "doubled": run.tally.doubled,
            "invented": run.tally.invented,
            "failed": run.tally.failed,
            "seconds": run.seconds,
            "connections": run.accepted,
            "closed_idle": run.closed_idle,
            "unreadable": run.unreadable,
            "relay_late_us_p99": run.passage.late_micros(0.99),
            "daemon": daemon(row.case, run),
        })
    };
    json!({
        "bench": "stale",
        "machine": machine.json(),
        "scheduling": scheduling.to_string(),
        "leases": extent.leases,
        "round_trip_ms": u64::try_from(ROUND_TRIP.as_millis()).unwrap_or(u64::MAX),
        "goal_learned": GOAL_LEARNED,
        "runs": runs(rows).map(one).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::grid::relay::Passage;
    use crate::stale::figures::Figures;
    use crate::stale::log::Log;
    use crate::stale::tally::{Outcome, Tally};

    /// A turn in which one request was lost, of which so much was told, and one was answered.
    fn turn(told: Told, learned: Option<f64>) -> Run {
        let log = Log::new(2);
        log.note(0);
        let lost = Outcome::Stale { told, as_end: false };
        let daemon =
            learned.map(|learned| Figures { learned: vec![0.0, learned], ..Figures::default() });
        Run {
            tally: Tally::of([(0, Outcome::Answered), (1, lost)], &log),
            seconds: 1.0,
            accepted: 2,
            closed_idle: 1,
            unreadable: 0,
            passage: Passage::default(),
            daemon,
        }
    }

    fn row(learned: f64) -> Row {
        let ours = (Contender::Ours, turn(Told::Unprocessed, Some(learned)));
        let hyper = (Contender::Hyper, turn(Told::Nothing, None));
        Row { case: Case::all()[0], clients: 2, runs: vec![ours, hyper] }
    }

    #[test]
    fn errors_stand_below_what_was_told_of_them() {
        let text = error_table(&[row(1.0)]);
        assert!(
            text.contains(
                "| 1s | wharfd | 2 | 1 | 50.000 | 0 (0) | 1 (0) | 0 (0) | 0 (0) | 0 (0) | 0 | 0 |"
            ),
            "{text}"
        );
        assert!(
            text.contains("| 1s | hyper-util | 2 | 1 | 50.000 | 0 (0) | 0 (0) | 0 (0) | 0 (0) | 1 (0) | 0 | 0 |"),
            "{text}"
        );
    }

    #[test]
    fn what_was_learned_is_within_a_tenth_or_not() {
        for (learned, cells) in [
            (0.91, "| 1s | 0.910 | -9.0 | yes | 0.910 (0.910-0.910) | 1 |"),
            (1.11, "| 1s | 1.110 | +11.0 | no | 1.110 (1.110-1.110) | 1 |"),
            (0.0, "| 1s | - | - | no | - | - |"),
        ] {
            let text = learned_table(&[row(learned)]);
            assert!(text.contains(cells), "{text}");
        }
    }

    #[test]
    fn machines_read_the_same() {
        let machine = Machine::here(std::path::Path::new("."));
        let extent = Extent { leases: 2, program: PathBuf::new() };
        let value = json(&machine, Scheduling::Ordinary, &extent, &[row(1.0)]);
        let ours = &value["runs"][0];
        assert_eq!(ours["told"]["unprocessed"], json!({ "errors": 1, "processed": 0 }));
        assert_eq!((&ours["stale_errors"], &ours["answered"]), (&1.into(), &1.into()));
        assert_eq!(ours["daemon"]["learned_off_by"], 0.0);
        assert!(value["runs"][1]["daemon"].is_null());
    }
}
