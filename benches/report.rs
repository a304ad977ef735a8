//! The results as text: printed while the run goes on, and written as Markdown with its plots at the end.

use std::fs;
use std::path::{Path, PathBuf};

use crate::scale::Scale;
use crate::table::{self, table};
use crate::targets::{self, Limit, Target};

/// One part of the run: a table, what to know of it, its plots, and the targets that it measures.
pub struct Section {
    title: String,
    about: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
    targets: Vec<Target>,
    /// File name and SVG text.
    plots: Vec<(&'static str, String)>,
}

impl Section {
    /// A table without rows.
    pub fn new(title: &str, about: &str, head: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            about: about.to_owned(),
            head: table::head(head),
            rows: Vec::new(),
            notes: Vec::new(),
            targets: Vec::new(),
            plots: Vec::new(),
        }
    }

    /// Adds a row; it has a cell for every column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        assert_eq!(cells.len(), self.head.len(), "{cells:?}");
        self.rows.push(cells);
    }

    /// Adds a row of what could not be measured: its first cells name it, and a note says why.
    pub fn unmeasured(&mut self, names: &[&str], why: &str) {
        let mut cells = table::head(names);
        self.note(format!("{}: not measured. {why}", cells.join(", ")));
        cells.push("not measured".to_owned());
        cells.resize(self.head.len(), "-".to_owned());
        self.rows.push(cells);
    }

    /// Adds a line below the table.
    pub fn note(&mut self, line: String) {
        self.notes.push(line);
    }

    /// Adds a target; `None` when it could not be measured.
    pub fn target(&mut self, what: impl Into<String>, limit: Limit, figure: Option<f64>) {
        self.targets.push(Target::new(what, limit, figure));
    }

    /// Adds a plot.
    pub fn plot(&mut self, file: &'static str, svg: String) {
        self.plots.push((file, svg));
    }

    /// The part as Markdown, aligned for a terminal too.
    pub fn text(&self) -> String {
        let mut text = format!("## {}\n\n{}\n\n", self.title, self.about);
        text.push_str(&table(&self.head, &self.rows));
        text.push('\n');
        for note in &self.notes {
            text.push_str(&format!("* {note}\n"));
        }
        if !self.notes.is_empty() {
            text.push('\n');
        }
        text
    }
}

/// The whole run.
pub struct Report {
    head: String,
    sections: Vec<Section>,
}

impl Report {
    /// Without sections; prints its head.
    pub fn new(scale: &Scale, machine: &[String]) -> Self {
        let mut head = "# Speed, beside the server's own AOF\n\n\
            Written by `make bench`: one run, both sides on the same machine, taking turns round by round. Numbers are\n\
            medians of the rounds, ratios are medians of the rounds' own ratios: above 1.00 ours is larger. Compare\n\
            columns of a row; no number here says what another machine does.\n\n"
            .to_owned();
        for fact in machine {
            head.push_str(&format!("* {fact}\n"));
        }
        let length = if scale.quick {
            "a short run, so all of it is rough"
        } else {
            "a full run"
        };
        head.push_str(&format!(
            "* {length}: {} rounds of {} s each\n\n",
            scale.rounds, scale.seconds
        ));
        println!("{head}");
        Self {
            head,
            sections: Vec::new(),
        }
    }

    /// Adds a part.
    pub fn add(&mut self, section: Section) {
        self.sections.push(section);
    }

    /// Every target of the parts so far, with its verdict.
    pub fn targets(&self) -> String {
        targets::text(self.sections.iter().flat_map(|section| &section.targets))
    }

    /// Writes the text and the plots in place of those that are there; returns where the text is.
    pub fn write(&self, folder: &Path) -> PathBuf {
        fs::create_dir_all(folder).expect("the folder of the results");
        for file in fs::read_dir(folder).expect("the folder of the results") {
            let path = file.expect("a file of the results").path();
            if path.extension().is_some_and(|extension| extension == "svg") {
                fs::remove_file(path).expect("a plot of an earlier run");
            }
        }
        let mut text = self.head.clone() + &self.targets();
        for section in &self.sections {
            text.push_str(&section.text());
            for (name, svg) in &section.plots {
                text.push_str(&format!("![{}]({name}.svg)\n\n", section.title));
                fs::write(folder.join(format!("{name}.svg")), svg).expect("a plot");
            }
        }
        let path = folder.join("results.md");
        fs::write(&path, text.trim_end().to_owned() + "\n").expect("the results");
        path
    }
}

/// A count, with its thousands apart.
pub fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A number with two decimals.
pub fn two(number: f64) -> String {
    format!("{number:.2}")
}

/// Bytes as megabytes.
pub fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}
