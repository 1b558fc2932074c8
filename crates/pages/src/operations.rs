//! The log explorer: a line that filters, a histogram, facets, rows that open, and a live tail.

mod facets;
mod picture;
pub(crate) mod rows;
pub(crate) mod tail;
mod terms;

use std::collections::BTreeMap;

use answers::row::FacetValue;
use answers::{Described, OperationFacets, OperationHistogram, Operations, described};
use askama::Template;
use query::visit::Refusal;

use self::facets::Facets;
use self::picture::{Apart, apart, picture};
use self::rows::Rows;
use crate::address::{Given, template};
use crate::charts::{Figure, Histogram};
use crate::question::{More, Page, Shown, coverage, form, paged};
use crate::text::grouped;
use crate::view::{Field, FormView, Html, Kind, Tab, TableView};

/// More values than this are in no facet that somebody would read.
const VALUES_MAX: usize = 10_000;
/// Times that a click chooses: what is read, and `from`.
const PRESETS: [(&str, Option<&str>); 6] = [
    ("1 hour", Some("-1h")),
    ("24 hours", Some("-24h")),
    ("7 days", Some("-7d")),
    ("30 days", Some("-30d")),
    ("90 days", Some("-90d")),
    ("All", None),
];

#[derive(Template)]
#[template(path = "operations/filter.html")]
struct FilterView {
    line: FormView,
    form: FormView,
}

#[derive(Template)]
#[template(path = "operations/range.html")]
struct RangeView {
    presets: Vec<Tab>,
    chosen: Vec<Tab>,
}

#[derive(Template)]
#[template(path = "operations/explorer.html")]
struct Explorer {
    range: RangeView,
    figure: Option<Figure>,
    undrawn: Option<Undrawn>,
    tail: Option<String>,
    table: TableView,
    facets: Facets,
}

/// Operations that are listed and counted, and that the histogram leaves out.
struct Undrawn {
    words: String,
    /// The page of them alone.
    alone: String,
    /// The page that draws all.
    all: String,
}

impl Undrawn {
    fn of(apart: &Apart, given: &Given) -> Undrawn {
        let bare = given.with(&[("open", None), ("q", None)]);
        let (count, noun, are) = match apart.count {
            1 => ("1".to_owned(), "operation", "is"),
            count => (grouped(count), "operations", "are"),
        };
        let day = |moment: &str| moment.get(..10).unwrap_or(moment).to_owned();
        let (from, to) = (day(&apart.from), day(&apart.to));
        Undrawn {
            words: format!(
                "{count} {noun} from {from} until {to} {are} listed, but too far from the others to be drawn with them:"
            ),
            alone: bare.with(&[("from", Some(&apart.from)), ("to", Some(&apart.to))]).page(),
            all: bare.with(&[("from", Some(&apart.from))]).page(),
        }
    }
}

impl Page for Operations {
    /// `q` is the line as it was typed; `open` the event whose row is open; `after` the last event that the
    /// page of a live tail shows.
    const OWN: &'static [&'static str] = &["q", "open", "after"];

    /// A line that is understood becomes parameters.
    fn elsewhere(given: &Given) -> Option<String> {
        let described = described::<Operations>()?;
        let filters = terms::read(described, given.own("q")?).ok()?;
        let mut changes: Vec<_> = terms::filters(described).map(|one| (one.name, None)).collect();
        changes.extend([("q", None), ("open", None), ("cursor", None)]);
        let bare = given.with(&changes);
        let filters: Vec<_> =
            filters.iter().map(|(name, text)| (*name, Some(text.as_str()))).collect();
        Some(bare.with(&filters).page())
    }

    fn more(shown: &Shown<'_, Operations>) -> Result<More, Refusal> {
        let (given, answer) = (shown.given, shown.answer);
        let described = given.described();
        let asked = of_whole(shown);
        let asked: Vec<(&str, &str)> = asked.iter().map(|(n, t)| (*n, t.as_str())).collect();
        let mut counted = shown.visit.ask::<OperationHistogram>(&asked)?;
        // Who names a start sees it.
        let is_open = asked.iter().all(|(name, _)| *name != "from");
        let apart = apart(counted.content.rows()).filter(|_| is_open);
        if let Some(apart) = &apart {
            let mut of_rest = asked.clone();
            of_rest.push(("from", &apart.rest));
            counted = shown.visit.ask::<OperationHistogram>(&of_rest)?;
        }
        let values = shown.visit.whole::<OperationFacets>(&asked, VALUES_MAX)?;
        let values = values.content.rows();
        let rows = Rows::of(shown, tokens(values));
        let table = TableView {
            caption: "Operations".to_owned(),
            headings: rows.headings(),
            rows: answer.content.rows().iter().map(|one| rows.row(one)).collect(),
            ..TableView::default()
        };
        let coverage = coverage(&answer.envelope.coverage);
        // Where a part of the time is left out, the picture begins with the first bar.
        let drawn = counted.content.rows();
        let empty = drawn.iter().take_while(|row| apart.is_some() && picture::count(row) == 0);
        let chart = picture(given, &drawn[empty.count()..], &coverage);
        let explorer = Explorer {
            range: range(described, given),
            figure: chart.map(|chart| chart.figure()),
            undrawn: apart.map(|apart| Undrawn::of(&apart, given)),
            tail: tail_of(given, answer.envelope.head.seq),
            table: paged(table, described, given, &answer.envelope),
            facets: Facets::new(described, given, values),
        };
        Ok(More {
            form: Some(filter(described, given).to_string()),
            above: vec![explorer.to_string()],
            replaces_rows: true,
            ..More::default()
        })
    }
}

/// The numbers of the histogram as a page of their own, below the same picture.
impl Page for OperationHistogram {
    fn more(shown: &Shown<'_, OperationHistogram>) -> Result<More, Refusal> {
        let coverage = coverage(&shown.answer.envelope.coverage);
        let chart = picture(shown.given, shown.answer.content.rows(), &coverage);
        // Dragging moves the parts of the log explorer; here a bar leads to its time.
        let chart = chart.map(|chart| Histogram { can_brush: false, ..chart });
        let figure = chart.map(|chart| chart.figure().without_table().to_string());
        Ok(More { above: figure.into_iter().collect(), ..More::default() })
    }
}

/// The question that the histogram and the facets answer: the same, and on a later page of the list as of
/// its first page.
fn of_whole(shown: &Shown<'_, Operations>) -> Vec<(&'static str, String)> {
    let (given, envelope) = (shown.given, &shown.answer.envelope);
    let is_later = given.get("cursor").is_some();
    let known = given.described().parameters.iter().map(|one| one.name);
    let pairs = known.filter(|name| !matches!(*name, "cursor" | "limit")).filter_map(|name| {
        let text = match name {
            "from" | "to" if is_later => envelope.asked(name).map(str::to_owned),
            "knownAt" if is_later => envelope.at_seq.map(|seq| seq.to_string()),
            _ => given.get(name).map(str::to_owned),
        };
        Some((name, text?))
    });
    pairs.collect()
}

/// The address of the live tail, if the page shows the end of the list. It begins after the last event that
/// the page may show, so that nothing is missed in between.
fn tail_of(given: &Given, last: Option<u64>) -> Option<String> {
    let is_past = ["cursor", "to", "knownAt"].iter().any(|name| given.get(name).is_some());
    if is_past {
        return None;
    }
    let last = last.map(|last| last.to_string());
    let after = ("after", last.as_deref());
    let bare = given.with(&[("q", None), ("open", None), ("limit", None), after]).page();
    let filters = bare.split_once('?').map(|(_, filters)| format!("?{filters}"));
    Some(format!("/operations/tail{}", filters.unwrap_or_default()))
}

/// The names of the tokens that the facets name.
fn tokens(values: &[FacetValue]) -> BTreeMap<String, String> {
    let of_tokens = values.iter().filter(|one| one.facet == "credential");
    of_tokens.filter_map(|one| Some((one.value.clone(), one.label.clone()?))).collect()
}

/// The line that filters, with the time, and all filters as a form.
fn filter(described: &'static Described, given: &Given) -> FilterView {
    let field = |name: &str, kind| {
        let parameter = described.parameter(name);
        Field {
            name: name.to_owned(),
            label: parameter.map(|one| one.label.clone()).unwrap_or_default(),
            kind,
            value: given.get(name).unwrap_or_default().to_owned(),
            ..Field::default()
        }
    };
    let typed = given.own("q");
    let error = typed.and_then(|typed| terms::read(described, typed).err()).map(|term| {
        format!(
            "“{term}” is not understood. A term is a filter and its value, such as status:failure."
        )
    });
    let line = Field {
        name: "q".to_owned(),
        label: "Filter".to_owned(),
        help:
            "Terms such as status:failure app:NAME user:NAME http:409. A word alone is a user name."
                .to_owned(),
        kind: Kind::Search,
        value: typed.map_or_else(|| terms::line(described, given), str::to_owned),
        error,
        ..Field::default()
    };
    let mut fields = vec![line, field("from", Kind::Date), field("to", Kind::Date)];
    let kept = ["tz", "knownAt", "limit"].into_iter();
    let kept = kept.filter_map(|name| Some(Field::hidden(name, given.get(name)?)));
    fields.extend(kept);
    let line = FormView {
        id: "line".to_owned(),
        action: given.fill(template(described)),
        fields,
        submit: "Show".to_owned(),
        ..FormView::default()
    };
    let bare = given.with(&[("q", None), ("open", None)]);
    FilterView { line, form: form(described, &bare) }
}

/// Times to choose, and the filters that are set, each with a way to take it out.
fn range(described: &'static Described, given: &Given) -> RangeView {
    let presets = PRESETS.iter().map(|(label, from)| Tab {
        label: (*label).to_owned(),
        href: given.with(&[("from", *from), ("to", None), ("open", None), ("q", None)]).page(),
        count: None,
        is_current: given.get("from") == *from && given.get("to").is_none(),
    });
    let chosen = terms::filters(described).filter_map(|one| {
        let text = given.get(one.name)?;
        let text = match &one.kind {
            answers::Kind::Choice(words) => words
                .iter()
                .find(|word| word.word == text)
                .map_or_else(|| text.to_owned(), |word| word.label.clone()),
            _ => text.to_owned(),
        };
        Some(Tab {
            label: format!("{}: {text}", one.label),
            href: given.with(&[(one.name, None), ("open", None), ("q", None)]).page(),
            ..Tab::default()
        })
    });
    RangeView { presets: presets.collect(), chosen: chosen.collect() }
}
