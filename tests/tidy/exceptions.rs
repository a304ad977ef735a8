//! The list of what breaks a rule today: lines of count, rule and place. It may only get shorter.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Finding;

type Listed<'a> = BTreeMap<(&'a str, &'a str), usize>;

fn read(text: &str) -> Listed<'_> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let mut next = || {
                words
                    .next()
                    .unwrap_or_else(|| panic!("`{line}`: count, rule and place"))
            };
            let count = next()
                .parse()
                .unwrap_or_else(|_| panic!("`{line}`: a count first"));
            ((next(), next()), count)
        })
        .collect()
}

/// What is wrong: with the house where it is not in the list, with the list where the house has got better.
pub fn compare(listed: &str, found: &[Finding]) -> Vec<String> {
    let mut listed = read(listed);
    let mut complaints = Vec::new();
    for Finding {
        rule,
        place,
        count,
        detail,
    } in found
    {
        match listed.remove(&(*rule, place.as_str())) {
            Some(known) if known == *count => {}
            Some(known) if known > *count => {
                complaints.push(format!(
                    "{rule}: {place} has got better, {count} from {known}: shorten the list"
                ));
            }
            Some(known) => complaints.push(format!("{rule}: {place}: {count}, up from {known}: {detail}")),
            None => complaints.push(format!("{rule}: {place}: {detail}")),
        }
    }
    let over = listed.keys();
    complaints.extend(over.map(|(rule, place)| format!("{rule}: {place} is mended: take it off the list")));
    complaints
}

/// The list as it would be, under the head of the present one.
pub fn list(listed: &str, found: &[Finding]) -> String {
    let head = listed.lines().take_while(|line| line.starts_with('#'));
    let mut text: String = head.map(|line| format!("{line}\n")).collect();
    let mut rule = "";
    for finding in found {
        if rule != finding.rule {
            rule = finding.rule;
            let same = || found.iter().filter(|other| other.rule == rule);
            let sum: usize = same().map(|other| other.count).sum();
            let _ = write!(text, "\n# {rule}: {} places, {sum} in all\n", same().count());
        }
        let _ = writeln!(text, "{} {} {}", finding.count, finding.rule, finding.place);
    }
    text
}
