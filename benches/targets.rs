//! What this module set itself as targets, and what the run at hand measured of them.

use crate::report::two;
use crate::table::{head, table};

/// One target: its limit, and what was measured.
pub struct Target {
    what: String,
    limit: Limit,
    /// `None`: it could not be measured.
    figure: Option<f64>,
}

/// Which side of a number is the good one.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// The number itself is good, more is not.
    AtMost(f64),
    /// The number itself is good, less is not.
    AtLeast(f64),
}

impl Target {
    /// `what` names the figure, its unit included.
    pub fn new(what: impl Into<String>, limit: Limit, figure: Option<f64>) -> Self {
        Self {
            what: what.into(),
            limit,
            figure,
        }
    }

    fn row(&self) -> Vec<String> {
        let (wanted, kept) = match self.limit {
            Limit::AtMost(most) => (
                format!("at most {}", two(most)),
                self.figure.map(|figure| figure <= most),
            ),
            Limit::AtLeast(least) => (
                format!("at least {}", two(least)),
                self.figure.map(|figure| figure >= least),
            ),
        };
        let verdict = match kept {
            Some(true) => "kept",
            Some(false) => "MISSED",
            None => "NOT MEASURED",
        };
        vec![
            self.what.clone(),
            wanted,
            self.figure.map_or_else(|| "-".to_owned(), two),
            verdict.to_owned(),
        ]
    }
}

/// All of them as a part of the results; nothing when there are none.
pub fn text<'t>(targets: impl Iterator<Item = &'t Target>) -> String {
    let rows: Vec<Vec<String>> = targets.map(Target::row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let columns = head(&["target", "wanted", "measured", ""]);
    format!(
        "## Targets\n\nFigures of the tables below. A target is missed or kept by its figure alone, whatever the noise.\n\n{}\n",
        table(&columns, &rows)
    )
}
