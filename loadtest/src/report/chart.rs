//! Charts as SVG, to be embedded in the page.

use anyhow::anyhow;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

/// A line of a chart.
pub struct Curve {
    pub name: String,
    pub colour: RGBColor,
    pub points: Vec<(f64, f64)>,
    /// Whether what is under it is filled.
    pub filled: bool,
}

/// The labels of the axes.
pub struct Axes<'a> {
    /// Below.
    pub x: &'a str,
    /// At the left.
    pub y: &'a str,
}

/// Colours that most eyes can distinguish, also in print (Okabe and Ito).
pub const COLOURS: [RGBColor; 5] =
    [RGBColor(0, 114, 178), RGBColor(230, 159, 0), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];

const SIZE: (u32, u32) = (960, 320);
const INK: RGBColor = RGBColor(71, 85, 105);
const GRID: RGBColor = RGBColor(226, 232, 240);

/// A chart whose height is linear.
pub fn linear(curves: &[Curve], axes: &Axes<'_>) -> anyhow::Result<String> {
    let (right, top) = bounds(curves);
    draw(curves, axes, 0.0..right, 0.0..top * 1.1, &seconds, &|y| format!("{y:.0}"))
}

/// A chart whose height is logarithmic: a stall is a hundred times as long as what is usual.
pub fn logarithmic(curves: &[Curve], axes: &Axes<'_>, x_word: &dyn Fn(&f64) -> String) -> anyhow::Result<String> {
    let (right, top) = bounds(curves);
    let low = curves.iter().flat_map(|curve| &curve.points).map(|(_, y)| *y).filter(|y| *y > 0.0).fold(top, f64::min);
    // Whole powers of ten, so that there is a word at more than one height.
    let (low, top) = (10_f64.powf(low.clamp(0.01, 1.0).log10().floor()), 10_f64.powf(top.max(2.0).log10().ceil()));
    draw(curves, axes, 0.0..right, (low..top).log_scale(), x_word, &|y| if *y < 1.0 { format!("{y:.2}") } else { format!("{y:.0}") })
}

/// A moment on an axis.
pub fn seconds(at: &f64) -> String {
    if at.fract().abs() < 0.001 { format!("{at:.0}") } else { format!("{at:.1}") }
}

fn bounds(curves: &[Curve]) -> (f64, f64) {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let right = points().map(|(x, _)| *x).fold(f64::MIN_POSITIVE, f64::max);
    (right.max(0.5), points().map(|(_, y)| *y).fold(f64::MIN_POSITIVE, f64::max).max(0.001))
}

fn draw<Y>(
    curves: &[Curve],
    axes: &Axes<'_>,
    across: std::ops::Range<f64>,
    up: Y,
    x_word: &dyn Fn(&f64) -> String,
    y_word: &dyn Fn(&f64) -> String,
) -> anyhow::Result<String>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let wrong = |error: &dyn std::fmt::Display| anyhow!("a chart cannot be drawn: {error}");
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut builder = ChartBuilder::on(&area);
        builder.margin(12).x_label_area_size(44).y_label_area_size(64);
        let mut chart = builder.build_cartesian_2d(across, up).map_err(|error| wrong(&error))?;
        let small = ("sans-serif", 13).into_font().color(&INK);
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(axes.x).y_desc(axes.y).label_style(small.clone()).axis_desc_style(small);
        mesh.bold_line_style(GRID).light_line_style(TRANSPARENT).axis_style(INK).x_labels(10).y_labels(6);
        mesh.x_label_formatter(x_word).y_label_formatter(y_word).draw().map_err(|error| wrong(&error))?;
        for curve in curves {
            let style = curve.colour.stroke_width(2);
            if curve.filled {
                let under = AreaSeries::new(curve.points.iter().copied(), 0.0, curve.colour.mix(0.15));
                chart.draw_series(under).map_err(|error| wrong(&error))?;
            }
            chart.draw_series(LineSeries::new(curve.points.iter().copied(), style)).map_err(|error| wrong(&error))?;
        }
        area.present().map_err(|error| wrong(&error))?;
    }
    Ok(svg)
}
