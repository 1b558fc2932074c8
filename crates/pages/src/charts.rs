//! Charts, drawn on the server as SVG. Each is a struct of plain numbers that gives a [`Figure`]: the picture, and a
//! table of the numbers that it draws, so that the two cannot disagree.
//!
//! Places along the time axis are per cent of the width, so a chart fits a phone and a wide screen without letters
//! that shrink. Hatching says the same as a hue, for grey paper and for readers who do not see hues.

mod axis;
mod bars;
mod figure;
mod gaps;
mod histogram;
mod steps;

pub use axis::{Axis, Gap, Tick, Time};
pub use bars::{Bar, BarRow, Bars};
pub use figure::{Figure, Legend};
pub use gaps::Strip;
pub use histogram::{Bucket, Histogram, Series};
pub use steps::{Point, Spark, Steps};

use crate::view::Tone;

/// The class that fills a shape.
fn fill(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "f-good",
        Tone::Bad => "f-bad",
        Tone::Warn => "f-warn",
        Tone::Quiet => "f-quiet",
        Tone::Doubt => "f-doubt",
        Tone::Plain => "f-plain",
    }
}

/// The pattern that lies over the fill, as an address within the page; `layout.html` holds the patterns.
fn pattern(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Bad => Some("url(#p-bad)"),
        Tone::Warn => Some("url(#p-warn)"),
        Tone::Quiet => Some("url(#p-quiet)"),
        Tone::Doubt => Some("url(#p-doubt)"),
        Tone::Good | Tone::Plain => None,
    }
}

/// A number for an attribute: few digits, and always one that SVG can read.
fn short(number: f64) -> String {
    let number = if number.is_finite() { number } else { 0.0 };
    let text = format!("{number:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" || text.is_empty() { "0".to_owned() } else { text.to_owned() }
}

/// The next round number that is not below: 1 to 6 or 8 times a power of ten.
fn round_up(number: u64) -> u64 {
    let mut power = 1u64;
    loop {
        for step in [1, 2, 3, 4, 5, 6, 8] {
            let round = power.saturating_mul(step);
            if round >= number {
                return round;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests;
