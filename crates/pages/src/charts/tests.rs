use proptest::prelude::*;

use super::*;
use crate::markup::{HOSTILE, check, check_seen};
use crate::view::{Cell, Tone};

fn time(text: &str) -> Time {
    Time::read(text).unwrap()
}

fn axis(from: &str, to: &str) -> Axis {
    Axis::new(time(from), time(to))
}

fn labels(from: &str, to: &str) -> String {
    let labels: Vec<String> = axis(from, to).ticks().into_iter().map(|tick| tick.label).collect();
    labels.join(", ")
}

#[test]
fn marks_are_at_round_times() {
    let from = "2026-03-01T00:00:00Z";
    for (to, expected) in [
        ("2026-03-01T00:00:05Z", "1 Mar, 00:00:01, 00:00:02, 00:00:03, 00:00:04, 00:00:05"),
        ("2026-03-01T06:00:00Z", "1 Mar, 01:00, 02:00, 03:00, 04:00, 05:00, 06:00"),
        ("2026-03-02T00:00:00Z", "1 Mar, 06:00, 12:00, 18:00, 2 Mar"),
        ("2026-03-05T00:00:00Z", "1 Mar, 2 Mar, 3 Mar, 4 Mar, 5 Mar"),
        ("2026-03-31T00:00:00Z", "2 Mar, 9 Mar, 16 Mar, 23 Mar, 30 Mar"),
        ("2026-08-31T00:00:00Z", "Mar 2026, Apr 2026, May 2026, Jun 2026, Jul 2026, Aug 2026"),
        ("2029-03-01T00:00:00Z", "Jul 2026, Jan 2027, Jul 2027, Jan 2028, Jul 2028, Jan 2029"),
        ("2071-01-01T00:00:00Z", "2040, 2060"),
    ] {
        assert_eq!(labels(from, to), expected, "to {to}");
    }
}

#[test]
fn places_stay_within_the_picture() {
    let axis = axis("2026-03-01T00:00:00Z", "2026-03-11T00:00:00Z");
    assert_eq!(axis.x(time("2026-03-06T00:00:00Z")), "50");
    assert_eq!(axis.x(time("2020-01-01T00:00:00Z")), "0");
    assert_eq!(axis.x(time("2030-01-01T00:00:00Z")), "100");
    let nothing = Axis::new(Time(5), Time(5));
    assert_eq!((nothing.x(Time(5)), nothing.x(Time(6))), ("0".into(), "100".into()));
}

#[test]
fn round_numbers_are_not_below() {
    for (number, expected) in [
        (0, 1),
        (1, 1),
        (3, 3),
        (7, 8),
        (11, 20),
        (21, 30),
        (501, 600),
        (801, 1000),
        (u64::MAX, u64::MAX),
    ] {
        assert_eq!(round_up(number), expected);
    }
}

fn histogram(text: &str) -> Histogram {
    let axis = axis("2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z").with_gaps(vec![Gap {
        from: None,
        to: Some(time("2026-03-01T06:00:00Z")),
        reason: text.into(),
    }]);
    let middle = time("2026-03-02T00:00:00Z");
    let bucket =
        |from, to, counts| Bucket { from, to, counts, href: Some(format!("/operations?q={text}")) };
    Histogram {
        caption: text.into(),
        series: vec![
            Series { word: format!("success{text}"), tone: Tone::Good },
            Series { word: "failure".into(), tone: Tone::Bad },
        ],
        buckets: vec![bucket(axis.from, middle, vec![30, 10]), bucket(middle, axis.to, vec![0, 1])],
        axis,
        can_brush: true,
        is_small: false,
    }
}

fn steps(text: &str) -> Steps {
    let axis = histogram(text).axis;
    Steps {
        caption: text.into(),
        unit: text.into(),
        points: vec![
            Point { at: axis.from, value: 3 },
            Point { at: time("2026-03-02T00:00:00Z"), value: 5 },
        ],
        is_sampled: false,
        mark: Some(axis.to),
        axis,
        link: Some(format!("/x?t={}&at=", answers::encoded(text))),
    }
}

fn bars(text: &str) -> Bars {
    let bar = |from, to: Option<&str>, is_start_known| Bar {
        from: time(from),
        is_start_known,
        to: to.map(time),
        tone: Tone::Good,
        note: text.into(),
        href: Some(text.into()),
    };
    Bars {
        caption: text.into(),
        names: text.into(),
        axis: histogram(text).axis,
        rows: vec![BarRow {
            name: Cell::text(text).linked(text),
            bars: vec![
                bar("2026-02-01T00:00:00Z", Some("2026-03-01T12:00:00Z"), false),
                bar("2026-03-02T00:00:00Z", None, true),
            ],
        }],
        mark: None,
    }
}

fn strip(text: &str) -> Strip {
    Strip { caption: text.into(), axis: histogram(text).axis, is_small: false }
}

fn every(text: &str) -> Vec<String> {
    let spark = Spark { words: text.into(), values: vec![1, 0, 7] };
    vec![
        histogram(text).figure().to_string(),
        Histogram { is_small: true, ..histogram(text) }.figure().to_string(),
        steps(text).figure().to_string(),
        bars(text).figure().to_string(),
        strip(text).figure().to_string(),
        spark.picture(),
    ]
}

#[test]
fn hostile_texts_stay_texts() {
    for text in HOSTILE {
        for drawn in every(text) {
            check(&drawn);
            check_seen(&drawn);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_stays_text(text in any::<String>()) {
        for drawn in every(&text) {
            check(&drawn);
        }
    }

    #[test]
    fn any_numbers_can_be_drawn(
        from in -100_000_000_000i64..100_000_000_000,
        span in 0i64..10_000_000_000,
        values in proptest::collection::vec((any::<i32>(), any::<u64>()), 0..40),
    ) {
        let axis = Axis::new(Time(from), Time(from + span));
        prop_assert!(axis.ticks().len() <= 12, "{:?}", axis.ticks());
        let points: Vec<Point> = (values.iter())
            .map(|(at, value)| Point { at: Time(i64::from(*at)), value: *value })
            .collect();
        let buckets = (values.iter())
            .map(|(at, value)| Bucket { from: Time(i64::from(*at)), to: Time(from), counts: vec![*value / 64], href: None })
            .collect();
        let series = vec![Series { word: "success".into(), tone: Tone::Good }];
        let histogram = Histogram { axis: axis.clone(), series, buckets, ..Histogram::default() };
        for drawn in [
            Steps { axis, points, ..Steps::default() }.figure().to_string(),
            histogram.figure().to_string(),
        ] {
            check(&drawn);
            prop_assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
        }
    }
}

#[test]
fn the_picture_and_the_numbers_tell_the_same() {
    let figure = histogram("").figure();
    assert_eq!(figure.picture.matches("class=\"bar f-good\"").count(), 1);
    assert_eq!(figure.picture.matches("class=\"bar f-bad\"").count(), 2);
    let numbers: Vec<String> =
        figure.rows.iter().map(|row| format!("{} {}", row[2].text, row[3].text)).collect();
    assert_eq!(numbers, ["30 10", "0 1"]);
    let legend: Vec<_> = figure.legend.iter().map(|legend| legend.total).collect();
    assert_eq!(legend, [Some(30), Some(11)]);
    // 40 of at most 40 are as high as the picture, failures on top.
    assert!(figure.picture.contains("y=\"24\" height=\"72\""), "{}", figure.picture);
    assert!(figure.picture.contains("y=\"0\" height=\"24\""), "{}", figure.picture);
}

#[test]
fn a_stay_that_lasts_is_open_and_an_unknown_start_is_hatched() {
    let picture = bars("").figure().picture;
    assert_eq!(picture.matches("url(#p-unknown)").count(), 1, "{picture}");
    assert_eq!(picture.matches("class=\"end\"").count(), 1, "{picture}");
    assert_eq!(picture.matches("M0 2L9 10L0 18Z").count(), 1, "{picture}");
    let rows = bars("").figure().rows;
    let told: Vec<&str> = rows.iter().map(|row| row[3].text.as_str()).collect();
    assert_eq!(told, ["2026-03-01T12:00:00Z", "lasts"]);
}

#[test]
fn more_changes_than_can_be_told_apart_are_said_to_be() {
    let axis = Axis::new(Time(0), Time(100_000));
    let points = (0..10_000).map(|at| Point { at: Time(at * 10), value: at as u64 }).collect();
    let figure = Steps { axis, points, unit: "members".into(), ..Steps::default() }.figure();
    assert_eq!(figure.rows.len(), 400);
    assert!(
        figure.remark.ends_with("400 of 10,000 changes can be told apart"),
        "{}",
        figure.remark
    );
    assert_eq!(figure.rows.last().unwrap()[1].text, "9,999");
}

#[test]
fn a_gap_outside_the_times_is_not_drawn_and_one_without_end_reaches_the_edge() {
    let gap = |from: i64, to: Option<i64>| Gap {
        from: Some(Time(from)),
        to: to.map(Time),
        reason: "x".into(),
    };
    let axis = Axis::new(Time(100), Time(200)).with_gaps(vec![gap(0, Some(50)), gap(150, None)]);
    let bands = axis.bands();
    assert_eq!(bands.len(), 1);
    assert_eq!((bands[0].0.as_str(), bands[0].1.as_str()), ("50", "50"));
}
