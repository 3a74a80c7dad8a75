//! The table: what was measured, beside what, and whether it is enough.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// A ratio that should be high.
    More,
    /// A ratio, or a figure, that should be low.
    Less,
}

/// A line of the table.
#[derive(Debug)]
pub struct Line {
    /// What was measured.
    pub what: String,
    /// In which unit.
    pub unit: &'static str,
    /// The figures, one for each round.
    pub figures: Vec<f64>,
    /// Beside what, and its figures; none for a figure without a reference.
    pub against: Option<(String, Vec<f64>)>,
    /// Which way is better.
    pub better: Better,
    /// What has to be reached, in the ratio's or the figure's unit.
    pub reach: f64,
    /// What would be better still.
    pub aim: f64,
}

impl Line {
    /// The median of what was measured.
    pub fn figure(&self) -> f64 {
        median(self.figures.clone())
    }

    /// The ratio of both medians, or the figure where there is nothing beside it.
    pub fn ratio(&self) -> f64 {
        match &self.against {
            Some((_, figures)) => self.figure() / median(figures.clone()),
            None => self.figure(),
        }
    }

    /// Whether it is enough.
    pub fn reached(&self) -> bool {
        self.good_for(self.reach)
    }

    fn good_for(&self, bound: f64) -> bool {
        match self.better {
            Better::More => self.ratio() >= bound,
            Better::Less => self.ratio() <= bound,
        }
    }

    fn word(&self) -> &'static str {
        match (self.reached(), self.good_for(self.aim)) {
            (_, true) => "aim met",
            (true, false) => "reached",
            (false, false) => "MISSED",
        }
    }

    fn spread(&self) -> String {
        let low = self.figures.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        format!("{}–{}", told(low), told(high))
    }
}

fn told(figure: f64) -> String {
    match figure.abs() {
        1000.0.. => format!("{figure:.0}"),
        100.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// The comparison.
pub fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["what", "median", "lowest–highest", "against", "median", "ratio", "reach", "aim", ""]);
    for line in lines {
        let (against, beside) = match &line.against {
            Some((name, figures)) => (name.clone(), format!("{} {}", told(median(figures.clone())), line.unit)),
            None => (String::new(), String::new()),
        };
        let ratio = if line.against.is_some() { format!("{:.3}", line.ratio()) } else { String::new() };
        table.add_row([
            line.what.clone(),
            format!("{} {}", told(line.figure()), line.unit),
            line.spread(),
            against,
            beside,
            ratio,
            told(line.reach),
            told(line.aim),
            line.word().to_owned(),
        ]);
    }
    for column in [1, 2, 4, 5, 6, 7] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The same for machines.
pub fn json(lines: &[Line]) -> Value {
    let line = |line: &Line| {
        json!({
            "what": line.what, "unit": line.unit, "figures": line.figures, "median": line.figure(),
            "against": line.against.as_ref().map(|(name, figures)| json!({"what": name, "figures": figures, "median": median(figures.clone())})),
            "ratio": line.ratio(), "reach": line.reach, "aim": line.aim, "verdict": line.word(),
        })
    };
    json!({ "rows": lines.iter().map(line).collect::<Vec<_>>() })
}

/// The one in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
    if figures.len().is_multiple_of(2) { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) } else { at(middle) }
}
