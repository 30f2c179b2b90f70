//! `wharf config`: the configuration in effect, as a file that would give it again.

use serde::Deserialize;

use super::{Environment, Exit, admin};

/// The daemon's answer, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Answer {
    toml: String,
    at_next_start: Vec<String>,
}

/// Runs the subcommand.
pub(super) fn run(options: &admin::Options, environment: &Environment) -> Exit {
    admin::run(options, environment, "config", |answer, _| render(answer))
}

fn render(answer: &Answer) -> String {
    if answer.at_next_start.is_empty() {
        return answer.toml.clone();
    }
    let waiting = answer.at_next_start.join(", ");
    format!("# Changed in the files, and waiting for a restart: {waiting}\n{}", answer.toml)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_wait_for_a_restart_are_named_above() {
        let mut answer = Answer { toml: "[pool]\n".to_owned(), at_next_start: Vec::new() };
        assert_eq!(render(&answer), "[pool]\n");
        answer.at_next_start = vec!["device.name".to_owned(), "log.format".to_owned()];
        let expected = "\
# Changed in the files, and waiting for a restart: device.name, log.format
[pool]
";
        assert_eq!(render(&answer), expected);
    }
}
