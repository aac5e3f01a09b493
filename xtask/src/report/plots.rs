//! The page's plots as SVG.

use std::ops::Range;
use std::path::Path;

use ::train::study::NoiseCurve;
use ::train::trainer::evaluate::wilson;
use anyhow::{Result, anyhow};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::eval_sst2::report::Report;

const SIZE: (u32, u32) = (720, 420);
const FONT: (&str, u32) = ("sans-serif", 15);

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// An axis: what it shows and from where to where.
type Axis<'a> = (&'a str, Range<f64>);

/// Draws axes and whatever `draw` adds, and writes `path`.
fn plot(
    path: &Path,
    caption: &str,
    (x, xs): Axis<'_>,
    (y, ys): Axis<'_>,
    legend: SeriesLabelPosition,
    draw: impl FnOnce(&mut Chart<'_, '_>) -> Result<()>,
) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, FONT)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(xs, ys)
        .map_err(failed)?;
    chart.configure_mesh().max_light_lines(0).x_desc(x).y_desc(y).draw().map_err(failed)?;
    draw(&mut chart)?;
    let labels = &mut chart.configure_series_labels();
    labels.background_style(WHITE.mix(0.8)).position(legend).label_font(FONT);
    labels.draw().map_err(failed)?;
    root.present().map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("a plot cannot be drawn: {error}")
}

/// ν of single sentences, predicted and measured.
pub fn distributions(path: &Path, report: &Report) -> Result<()> {
    let series: Vec<_> = [("predicted", &report.slot_nu_predicted, BLUE), ("measured", &report.slot_nu_measured, RED)]
        .into_iter()
        .filter_map(|(label, distribution, colour)| Some((label, distribution.as_ref()?, colour)))
        .collect();
    let edges = series.iter().flat_map(|(_, d, _)| [d.first_edge, d.first_edge + d.bin_width * d.counts.len() as f64]);
    let (low, high) = edges.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), e| (l.min(e), h.max(e)));
    let most = series.iter().flat_map(|(_, d, _)| &d.counts).copied().max().unwrap_or(1);
    let caption = format!("ν of {} sentences", report.n);
    let x = ("−log2 of the standard deviation of a slot's noise, bits", low..high);
    plot(path, &caption, x, ("sentences", 0.0..most as f64 * 1.1), SeriesLabelPosition::UpperLeft, |chart| {
        for (label, d, colour) in series {
            let bars = d.counts.iter().enumerate().map(|(i, &n)| {
                let left = d.first_edge + d.bin_width * i as f64;
                Rectangle::new([(left, 0.0), (left + d.bin_width, n as f64)], colour.mix(0.35).filled())
            });
            let drawn = chart.draw_series(bars).map_err(failed)?;
            drawn.label(label).legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.mix(0.35).filled()));
        }
        Ok(())
    })
}

/// How often answers are right against how sure the model is, with 95 % intervals.
pub fn reliability(path: &Path, report: &Report) -> Result<()> {
    let bins = || report.reliability.iter().filter(|b| b.n > 0);
    let caption = format!("calibration of {} answers (beside each point: its sentences)", report.n);
    plot(
        path,
        &caption,
        ("confidence in the answer given", 0.48..1.02),
        ("right", 0.0..1.05),
        SeriesLabelPosition::LowerRight,
        |chart| {
            let diagonal = LineSeries::new([(0.5, 0.5), (1.0, 1.0)], BLACK.mix(0.4));
            chart.draw_series(diagonal).map_err(failed)?;
            let intervals = bins().map(|b| PathElement::new(wilson(b.right, b.n).map(|end| (b.confidence, end)), BLUE.mix(0.5)));
            chart.draw_series(intervals).map_err(failed)?;
            let points = bins().map(|b| {
                EmptyElement::at((b.confidence, b.right as f64 / b.n as f64))
                    + Circle::new((0, 0), 4, BLUE.filled())
                    + Text::new(b.n.to_string(), (8, 4), FONT)
            });
            chart.draw_series(points).map_err(failed)?;
            Ok(())
        },
    )
}

/// Accuracy on dev under noise, one line for each student.
pub fn noise_curve(path: &Path, curve: &NoiseCurve) -> Result<()> {
    let points = || curve.runs.iter().flat_map(|r| &r.points);
    let ends =
        |values: &mut dyn Iterator<Item = f64>| values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let (low, high) = ends(&mut points().map(|p| p.bits));
    let (worst, best) = ends(&mut points().flat_map(|p| p.dev));
    let caption = format!("{} steps of training each, mean and range over {} draws of the noise", curve.steps, curve.draws);
    let x = ("ν of the evaluation: bits of precision of products", low - 0.2..high + 0.2);
    plot(path, &caption, x, ("accuracy on dev", worst - 0.02..best + 0.02), SeriesLabelPosition::LowerRight, |chart| {
        for (i, run) in curve.runs.iter().enumerate() {
            let colour = Palette99::pick(i).to_rgba();
            let name = run.trained_bits.map_or("trained without noise".to_owned(), |bits| format!("trained at ν = {bits}"));
            let line = LineSeries::new(run.points.iter().map(|p| (p.bits, p.dev[0])), colour.stroke_width(2));
            let drawn = chart.draw_series(line).map_err(failed)?;
            drawn.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], colour.stroke_width(2)));
            let ranges = run.points.iter().map(|p| PathElement::new([(p.bits, p.dev[1]), (p.bits, p.dev[2])], colour));
            chart.draw_series(ranges).map_err(failed)?;
        }
        Ok(())
    })
}
