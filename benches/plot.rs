//! Plots as SVG text: bars side by side, and lines over time.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 195.0;
const COLORS: [&str; 4] = ["#c0392b", "#7f8c8d", "#2c7fb8", "#b59b00"];

/// A group of bars: its label, and a value for each series.
pub type Group = (String, Vec<f64>);

/// Horizontal bars, one group under the other; `series` names the bars of a group.
pub fn bars(title: &str, series: &[&str], groups: &[Group]) -> String {
    let (bar, gap) = (14.0, 12.0);
    let largest = groups
        .iter()
        .flat_map(|(_, values)| values)
        .copied()
        .fold(1e-9, f64::max);
    let scale = (WIDTH - LEFT - 90.0) / largest;
    let mut body = legend(series);
    let mut y = 60.0;
    for (label, values) in groups {
        let middle = y + bar * values.len() as f64 / 2.0 + 4.0;
        text(&mut body, LEFT - 8.0, middle, "end", label);
        for (place, value) in values.iter().enumerate() {
            let _ = writeln!(
                body,
                r#"<rect x="{LEFT}" y="{y:.1}" width="{:.1}" height="{:.1}" fill="{}"/>"#,
                value * scale,
                bar - 2.0,
                color(place)
            );
            text(
                &mut body,
                LEFT + value * scale + 5.0,
                y + bar - 4.0,
                "start",
                &short(*value),
            );
            y += bar;
        }
        y += gap;
    }
    page(title, y + 4.0, &body)
}

/// Lines over time, in seconds; each series has its own points.
pub fn lines(title: &str, series: &[(&str, Vec<(f64, f64)>)]) -> String {
    let (top, height) = (60.0, 220.0);
    let all = || series.iter().flat_map(|(_, points)| points);
    let last = all().map(|point| point.0).fold(1e-9, f64::max);
    let largest = all().map(|point| point.1).fold(1e-9, f64::max);
    let place = |(x, y): (f64, f64)| {
        let across = 80.0 + x / last * (WIDTH - 110.0);
        (across, top + height - y / largest * height)
    };
    let mut body = legend(&series.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for share in [0.0, 0.5, 1.0] {
        let (x, y) = place((0.0, largest * share));
        text(&mut body, x - 8.0, y + 4.0, "end", &short(largest * share));
        let _ = writeln!(
            body,
            r##"<path d="M{x:.1} {y:.1}H{:.1}" stroke="#dddddd"/>"##,
            WIDTH - 30.0
        );
        let (x, _) = place((last * share, 0.0));
        text(
            &mut body,
            x,
            top + height + 18.0,
            "middle",
            &format!("{:.1} s", last * share),
        );
    }
    for (number, (_, points)) in series.iter().enumerate() {
        let path: Vec<String> = points
            .iter()
            .map(|&point| {
                let (x, y) = place(point);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let _ = writeln!(
            body,
            r#"<polyline points="{}" fill="none" stroke="{}" stroke-width="1.5"/>"#,
            path.join(" "),
            color(number)
        );
    }
    page(title, top + height + 34.0, &body)
}

fn legend(series: &[&str]) -> String {
    let mut body = String::new();
    let mut x = LEFT;
    for (place, name) in series.iter().enumerate() {
        let _ = writeln!(
            body,
            r#"<rect x="{x}" y="34" width="10" height="10" fill="{}"/>"#,
            color(place)
        );
        text(&mut body, x + 15.0, 43.0, "start", name);
        x += 40.0 + 7.0 * name.len() as f64;
    }
    body
}

fn text(body: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        body,
        r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{words}</text>"#
    );
}

fn page(title: &str, height: f64, body: &str) -> String {
    let mut heading = String::new();
    text(&mut heading, 10.0, 20.0, "start", title);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<g font-weight="bold">{heading}</g>
{body}</svg>
"##
    )
}

fn color(place: usize) -> &'static str {
    COLORS[place % COLORS.len()]
}

fn short(value: f64) -> String {
    match value {
        v if v >= 10_000.0 => format!("{:.0}k", v / 1000.0),
        v if v >= 100.0 => format!("{v:.0}"),
        v => format!("{v:.2}"),
    }
}
