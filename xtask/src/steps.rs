//! The steps of a command: a heading for each, and at the end how long each took and which failed.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::packages::MissingTool;
use crate::process::Interrupted;

struct Step {
    name: &'static str,
    took: Duration,
    failed: bool,
}

/// A running command's steps.
#[derive(Default)]
pub(crate) struct Steps(Vec<Step>);

impl Steps {
    /// Runs `command`, and prints the table of its steps whatever happened. Fails if it did or if a check had failed.
    pub(crate) fn report(command: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let mut steps = Self::default();
        let outcome = command(&mut steps);
        println!("\nSteps:");
        for step in &steps.0 {
            let failed = if step.failed { "  FAILED" } else { "" };
            println!("{:>8.1} s  {}{failed}", step.took.as_secs_f64(), step.name);
        }
        outcome?;
        let failed: Vec<_> = steps.0.iter().filter(|step| step.failed).map(|step| step.name).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        println!("All steps passed.");
        Ok(())
    }

    /// A step that the later ones need.
    pub(crate) fn step<T>(&mut self, name: &'static str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n--- {name}");
        let start = Instant::now();
        let outcome = run();
        self.0.push(Step { name, took: start.elapsed(), failed: outcome.is_err() });
        outcome
    }

    /// A step whose failure is kept for the end, so that one run shows everything that is wrong.
    pub(crate) fn check(&mut self, name: &'static str, run: impl FnOnce() -> Result<()>) -> Result<()> {
        match self.step(name, run) {
            Err(error) if !error.is::<Interrupted>() && !error.is::<MissingTool>() => {
                eprintln!("xtask: {name}: {error:#}");
                Ok(())
            }
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_failed_check_lets_the_next_one_run_and_fails_the_command() {
        let mut ran = false;
        let outcome = Steps::report(|steps| {
            steps.check("first", || Err(anyhow!("no")))?;
            steps.check("second", || {
                ran = true;
                Ok(())
            })
        });
        assert!(ran);
        assert_eq!(outcome.unwrap_err().to_string(), "failed: first");
    }

    #[test]
    fn a_missing_tool_ends_the_command_at_once() {
        let outcome = Steps::report(|steps| {
            steps.check("first", || Err(MissingTool("install it".into()).into()))?;
            panic!("the command went on");
        });
        assert!(outcome.unwrap_err().is::<MissingTool>());
    }
}
