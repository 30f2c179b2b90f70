//! Tests of the configuration as a whole: texts in, typed values or faults out.

mod cross;
mod defaults;
mod faults;
mod layers;
mod reload;

use std::path::PathBuf;

use super::fault::Faults;
use super::load::{Inputs, Loaded};
use super::walk;

/// Loads texts as if they were the files `f0`, `f1`, and so on, under `inputs`.
fn load_with(inputs: &Inputs, texts: &[&str]) -> Result<Loaded, Faults> {
    let mut faults = Faults::default();
    let files: Vec<PathBuf> = (0..texts.len()).map(|i| format!("f{i}").into()).collect();
    let layers = texts
        .iter()
        .zip(&files)
        .map(|(text, file)| walk::file(&file.display().to_string(), text, &mut faults))
        .collect();
    inputs.stack(files, layers, faults)
}

fn load(text: &str) -> Loaded {
    load_with(&Inputs::default(), &[text]).unwrap_or_else(|faults| panic!("{text}\n{faults}"))
}

/// The faults of one text, each as it is printed.
fn faults_of(text: &str) -> Vec<String> {
    match load_with(&Inputs::default(), &[text]) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.list().iter().map(ToString::to_string).collect(),
    }
}

/// Asserts that `text` has exactly the fault `expected`.
fn assert_fault(text: &str, expected: &str) {
    assert_eq!(faults_of(text), [expected], "{text}");
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}
