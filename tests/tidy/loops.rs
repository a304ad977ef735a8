//! No import loop between files.

use std::collections::BTreeSet;

use super::Finding;
use super::imports::Imports;

/// Every file that is in a loop, with those of the loop that it uses itself.
pub fn loops(imports: &Imports) -> Vec<Finding> {
    let reach = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&str> = vec![from];
        while let Some(file) = next.pop() {
            for used in imports.get(file).into_iter().flatten() {
                if seen.insert(used.as_str()) {
                    next.push(used);
                }
            }
        }
        seen
    };
    let reached: std::collections::BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|file| (file.as_str(), reach(file))).collect();
    let back = |from: &str, to: &str| reached.get(from).is_some_and(|seen| seen.contains(to));
    let mut found = Vec::new();
    for (file, used) in imports {
        let tied: Vec<&str> = used
            .iter()
            .map(String::as_str)
            .filter(|other| back(other, file))
            .collect();
        if !tied.is_empty() {
            found.push(Finding {
                rule: "loop",
                place: file.clone(),
                count: tied.len(),
                detail: format!("uses, and is used by way of, {}", tied.join(", ")),
            });
        }
    }
    found
}
