//! The page's plots as SVG.

use std::path::Path;

use ::train::study::NoiseCurve;
use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use serde_json::Value;

const SIZE: (u32, u32) = (720, 420);
const FONT: (&str, u32) = ("sans-serif", 15);

/// Runs `draw` on a white canvas and writes `path`.
fn canvas(path: &Path, draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Result<()>) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    draw(&root)?;
    root.present().map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("a plot cannot be drawn: {error}")
}

/// Predicted and measured errors of single scores in bits.
pub fn distributions(path: &Path, figures: &Value) -> Result<()> {
    let series: Vec<(&str, RGBColor, i64, Vec<u64>)> =
        [("predicted by the simulator", "nu_predicted_distribution", BLUE), ("measured", "nu_measured_distribution", RED)]
            .into_iter()
            .filter(|(_, field, _)| figures["mode"] == "encrypted" || !field.contains("measured"))
            .filter_map(|(label, field, colour)| {
                let d = &figures[field];
                let counts = d["counts"].as_array()?.iter().filter_map(Value::as_u64).collect();
                Some((label, colour, d["first_bit"].as_i64()?, counts))
            })
            .collect();
    let low = series.iter().map(|s| s.2).min().unwrap_or(0);
    let high = series.iter().map(|s| s.2 + s.3.len() as i64).max().unwrap_or(1);
    let most = series.iter().flat_map(|s| s.3.iter().copied()).max().unwrap_or(1);
    canvas(path, |root| {
        let mut chart = ChartBuilder::on(root)
            .caption(format!("errors of {} scores", figures["n"]), FONT)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .build_cartesian_2d(low as f64..high as f64, 0.0..most as f64 * 1.1)
            .map_err(failed)?;
        let mesh = &mut chart.configure_mesh();
        mesh.x_desc("−log2 |error of the score|").y_desc("sentences").draw().map_err(failed)?;
        for (label, colour, first, counts) in series {
            let bars = counts.iter().enumerate().map(|(i, &n)| {
                let left = first as f64 + i as f64;
                Rectangle::new([(left, 0.0), (left + 1.0, n as f64)], colour.mix(0.35).filled())
            });
            let drawn = chart.draw_series(bars).map_err(failed)?;
            drawn.label(label).legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.mix(0.35).filled()));
        }
        legend(&mut chart)
    })
}

/// How often answers are right against how sure the model is.
pub fn reliability(path: &Path, figures: &Value) -> Result<()> {
    let bins: Vec<(f64, f64, u64)> = figures["reliability"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|b| Some((b["confidence"].as_f64()?, b["accuracy"].as_f64()?, b["n"].as_u64()?)))
        .filter(|b| b.2 > 0)
        .collect();
    canvas(path, |root| {
        let mut chart = ChartBuilder::on(root)
            .caption(format!("calibration over {} sentences (beside each point: its sentences)", figures["n"]), FONT)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .build_cartesian_2d(0.45..1.02, 0.0..1.05)
            .map_err(failed)?;
        let mesh = &mut chart.configure_mesh();
        mesh.x_desc("confidence in the answer given").y_desc("right").draw().map_err(failed)?;
        let diagonal = LineSeries::new([(0.5, 0.5), (1.0, 1.0)], BLACK.mix(0.4));
        chart.draw_series(diagonal).map_err(failed)?;
        chart.draw_series(LineSeries::new(bins.iter().map(|b| (b.0, b.1)), BLUE.stroke_width(2))).map_err(failed)?;
        let points = bins.iter().map(|&(x, y, n)| {
            EmptyElement::at((x, y)) + Circle::new((0, 0), 4, BLUE.filled()) + Text::new(n.to_string(), (8, 4), FONT)
        });
        chart.draw_series(points).map_err(failed)?;
        Ok(())
    })
}

/// Accuracy on dev under noise, one line for each student.
pub fn noise_curve(path: &Path, curve: &NoiseCurve) -> Result<()> {
    let points = || curve.runs.iter().flat_map(|r| &r.points);
    let (low, high) = points().fold((f64::MAX, f64::MIN), |(l, h), p| (l.min(p.bits), h.max(p.bits)));
    let lowest = points().map(|p| p.dev[1]).fold(1.0, f64::min);
    canvas(path, |root| {
        let caption = format!("{} steps of training each, mean and range over {} draws of the noise", curve.steps, curve.draws);
        let mut chart = ChartBuilder::on(root)
            .caption(caption, FONT)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(low - 0.2..high + 0.2, (lowest - 0.02).max(0.0)..0.92)
            .map_err(failed)?;
        let mesh = &mut chart.configure_mesh();
        mesh.x_desc("bits of precision of products in the evaluation, ν").y_desc("accuracy on dev").draw().map_err(failed)?;
        for (i, run) in curve.runs.iter().enumerate() {
            let colour = Palette99::pick(i).to_rgba();
            let name = run.trained_bits.map_or("trained without noise".to_owned(), |bits| format!("trained at ν = {bits}"));
            let line = LineSeries::new(run.points.iter().map(|p| (p.bits, p.dev[0])), colour.stroke_width(2));
            let drawn = chart.draw_series(line).map_err(failed)?;
            drawn.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], colour.stroke_width(2)));
            let ranges = run.points.iter().map(|p| PathElement::new([(p.bits, p.dev[1]), (p.bits, p.dev[2])], colour));
            chart.draw_series(ranges).map_err(failed)?;
        }
        legend(&mut chart)
    })
}

type Chart<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>>;

fn legend<'a, 'b: 'a>(chart: &mut Chart<'a, 'b>) -> Result<()> {
    let mut labels = chart.configure_series_labels();
    labels.background_style(WHITE.mix(0.8)).position(SeriesLabelPosition::LowerRight).label_font(FONT);
    labels.draw().map_err(failed)
}
