//! A page of any question: its form, its rows, how complete they are, and ways to take them along.
//!
//! What a page shows beyond that comes from [`Page::more`], in the folder of its subject.

use answers::{
    Answer, Below, Column, Content, Coverage, Described, Envelope, Exists, Gap, Grid, Kind, Part,
    Place, Question, Time, described,
};
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use query::visit::{Refusal, SignedIn, Visit, Visitor};
use query::{Answered, Query};
use std::sync::Arc;

use crate::address::{Given, template};
use crate::around::Around;
use crate::error::rendered;
use crate::place;
use crate::view::{
    self, Cell, Choice, CoverageView, Crumb, Empty, Fact, Facts, Field, FormView, GapView, Heading,
    Html, Link, PartView, Row, Shell, Stamp, TableView, Tabs, TakeAway,
};

/// A question with a page.
pub(crate) trait Page: Answered {
    /// Parameters of the page's address that are its own, such as which tab is open: [`Given::own`].
    const OWN: &'static [&'static str] = &[];

    /// The proper address of a page that was asked for in another spelling; the browser is sent there.
    fn elsewhere(_given: &Given) -> Option<String> {
        None
    }

    /// What the page shows in place of an answer, with the form above it: values to choose from. `refused` is
    /// why there is no answer; without it, nothing was asked yet. `None` leaves the refusal or the answer.
    ///
    /// # Errors
    /// When the values cannot be read.
    fn choice(
        _visit: &Visit<'_>,
        _given: &Given,
        _refused: Option<&Refusal>,
    ) -> Result<Option<String>, Refusal> {
        Ok(None)
    }

    /// What the page shows beyond the rows.
    ///
    /// # Errors
    /// When a further question cannot be answered.
    fn more(_shown: &Shown<'_, Self>) -> Result<More, Refusal> {
        Ok(More::default())
    }
}

/// An answer about to be shown.
pub(crate) struct Shown<'a, Q: Question> {
    /// Asks further questions over the same snapshot.
    pub(crate) visit: &'a Visit<'a>,
    /// The address of the page.
    pub(crate) given: &'a Given,
    /// The question with its parameters.
    pub(crate) question: &'a Q,
    /// Its answer.
    pub(crate) answer: &'a Answer<Q>,
    /// Who looks.
    pub(crate) who: &'a SignedIn,
}

/// What a page shows beyond the rows of its question. The pieces are HTML that templates made.
#[derive(Default)]
pub(crate) struct More {
    /// Instead of the question's own title.
    pub(crate) title: Option<String>,
    /// Under the title.
    pub(crate) subtitle: Option<String>,
    /// Instead of the usual tabs.
    pub(crate) tabs: Option<Tabs>,
    /// Instead of the usual form.
    pub(crate) form: Option<String>,
    /// What moves the page through time without loading it anew.
    pub(crate) scrubber: Option<String>,
    /// Above the rows.
    pub(crate) above: Vec<String>,
    /// Below the rows.
    pub(crate) below: Vec<String>,
    /// Whether the pieces show the rows, so that they are not shown again.
    pub(crate) replaces_rows: bool,
    /// What can be done with each row.
    pub(crate) acts: Option<RowActs>,
    /// Whether they show what stands below the rows, too.
    pub(crate) replaces_below: bool,
}

#[derive(Template)]
#[template(path = "question.html")]
struct QuestionPage {
    shell: Shell,
    tabs: Option<Tabs>,
    scrubber: Option<String>,
    form: Option<String>,
    lines_above: Vec<String>,
    coverage: CoverageView,
    above: Vec<String>,
    table: Option<TableView>,
    facts: Option<Facts>,
    parts: Vec<PartView>,
    below: Vec<String>,
    take_away: TakeAway,
}

/// What can be done with each row, in a column of its own after the others.
#[derive(Default)]
pub(crate) struct RowActs {
    /// The heading of the column.
    pub(crate) heading: String,
    /// One for each row; none where nothing can be done.
    pub(crate) links: Vec<Option<Link>>,
}

/// A page that needs values before it can ask, or lets its reader choose among them.
#[derive(Template)]
#[template(path = "unasked.html")]
struct UnaskedPage {
    shell: Shell,
    tabs: Option<Tabs>,
    about: String,
    form: FormView,
    choice: Option<String>,
}

/// Adds the page of a question.
pub(crate) fn serve<Q: Page>(router: Router<Arc<Query>>) -> Router<Arc<Query>> {
    // A test checks that every question has a page.
    let Some(described) = described::<Q>() else { return router };
    let open = move |visitor: Visitor, Path(names): Path<Vec<(String, String)>>| {
        open::<Q>(described, visitor, names)
    };
    router.route(template(described), get(open))
}

async fn open<Q: Page>(
    described: &'static Described,
    visitor: Visitor,
    names: Vec<(String, String)>,
) -> Result<Response, Refusal> {
    let given = Given::read(described, Q::OWN, names, visitor.uri());
    if given.has_empty() {
        return Ok(Redirect::to(&given.page()).into_response());
    }
    if let Some(typed) = given.with_typed_names() {
        return Ok(Redirect::to(&typed.page()).into_response());
    }
    if let Some(address) = Q::elsewhere(&given) {
        return Ok(Redirect::to(&address).into_response());
    }
    if given.lacks_required() {
        let page = visitor.page(None, move |visit| unasked(described, &given, visit, None));
        return Ok(rendered(&page.await?));
    }
    let page = visitor.page(Some(described.path), move |visit| {
        let choose =
            |choice| Ok(Opened::Choice(Box::new(unasked(described, &given, visit, Some(choice))?)));
        if let Some(choice) = Q::choice(visit, &given, None)? {
            return choose(choice);
        }
        match asked::<Q>(described, &given, visit) {
            Ok(page) => Ok(Opened::Answer(Box::new(page))),
            Err(refusal) => match Q::choice(visit, &given, Some(&refusal))? {
                Some(choice) => choose(choice),
                None => Err(refusal),
            },
        }
    });
    Ok(match page.await? {
        Opened::Answer(page) => rendered(&*page),
        Opened::Choice(page) => rendered(&*page),
    })
}

/// What a page shows.
enum Opened {
    Answer(Box<QuestionPage>),
    Choice(Box<UnaskedPage>),
}

fn unasked(
    described: &'static Described,
    given: &Given,
    visit: &Visit<'_>,
    choice: Option<String>,
) -> Result<UnaskedPage, Refusal> {
    let shell = Shell {
        title: title_of(&described.about),
        section: place::section(described),
        crumbs: place::crumbs(given),
        signed_in: Some(signed_in(&visit.signed_in()?)),
        ..Shell::default()
    };
    Ok(UnaskedPage {
        shell,
        tabs: place::tabs(described, given),
        about: format!("{}.", described.about),
        form: form(described, given),
        choice,
    })
}

fn asked<Q: Page>(
    described: &'static Described,
    given: &Given,
    visit: &Visit<'_>,
) -> Result<QuestionPage, Refusal> {
    let pairs = given.pairs();
    let answer = visit.ask::<Q>(&pairs)?;
    let question: Q = visit.read(&pairs)?;
    let who = visit.signed_in()?;
    let shown = Shown { visit, given, question: &question, answer: &answer, who: &who };
    let more = Q::more(&shown)?;
    let around = Around { app: given.app(), given };
    let coverage = coverage(&answer.envelope.coverage);
    let title =
        more.title.unwrap_or_else(|| place::with_bare_names(given, question.title(&answer.beside)));
    let below = question.below(&answer.beside, answer.content.rows().len() as u64);
    let mut parts = vec![];
    let (mut table, mut facts) = (None, None);
    match &answer.content {
        _ if more.replaces_rows => {}
        Content::Rows(rows) => {
            let mut view = rows_of(&title, &question.columns(), rows, &around);
            if let Some(acts) = more.acts {
                add_acts(&mut view, acts);
            }
            table = Some(paged(view, described, given, &answer.envelope));
        }
        Content::One(Some(one)) => {
            facts = Some(facts_of(&question.columns(), one, &around));
            parts.extend(question.parts(one).into_iter().map(|part| part_of(part, &around)));
        }
        Content::One(None) => {}
    }
    if !more.replaces_below && (below.table.is_some() || !below.lines.is_empty()) {
        parts.push(below_of(below, &around));
    }
    let envelope = &answer.envelope;
    let instants = times(described, &answer);
    let stamp = Stamp {
        query: given.page(),
        instants: instants.clone(),
        at_seq: envelope.at_seq,
        generated_at: envelope.generated_at.0.clone(),
        coverage: coverage.words(),
        access_seq: None,
    };
    let mut crumbs = place::crumbs(given);
    let path = |address: &str| address.split('?').next().unwrap_or_default().to_owned();
    if let Some(last) = crumbs.last_mut()
        && last.href.as_deref().map(path) == Some(path(&given.page()))
    {
        last.href = None;
    } else if !crumbs.is_empty() {
        crumbs.push(Crumb { label: place::label(described), href: None });
    }
    let shell = Shell {
        title,
        subtitle: more.subtitle.unwrap_or(instants),
        section: place::section(described),
        crumbs,
        signed_in: Some(signed_in(&who)),
        stamp: Some(stamp),
        ..Shell::default()
    };
    Ok(QuestionPage {
        shell,
        tabs: more.tabs.or_else(|| place::tabs(described, given)),
        scrubber: more.scrubber,
        form: more.form.or_else(|| {
            let form = form(described, given);
            let is_shown = form.fields.iter().any(|field| field.kind != view::Kind::Hidden);
            is_shown.then(|| form.to_string())
        }),
        lines_above: standing(described, &answer.beside),
        coverage,
        above: more.above,
        table,
        facts,
        parts,
        below: more.below,
        take_away: take_away(described, given, visit.public_url(), who.is_admin()),
    })
}

/// A table as a page of its answer: how many rows there are, where the other pages are, and what an empty
/// one says.
pub(crate) fn paged(
    mut table: TableView,
    described: &'static Described,
    given: &Given,
    envelope: &Envelope,
) -> TableView {
    table.row_count = Some(envelope.row_count);
    table.next = envelope.next.as_deref().map(|next| given.with(&[("cursor", Some(next))]).page());
    let is_first = given.get("cursor").is_none();
    table.first = (!is_first).then(|| given.with(&[("cursor", None)]).page());
    table.shown_from = u64::from(is_first);
    let coverage = coverage(&envelope.coverage);
    table.empty = table.rows.is_empty().then(|| empty(described, given, &coverage));
    table
}

/// The first sentence of a description, as a title.
fn title_of(about: &str) -> String {
    about.split([',', ';', ':']).next().unwrap_or_default().to_owned()
}

/// Who looks, as the shell shows it.
pub(crate) fn signed_in(who: &SignedIn) -> view::SignedIn {
    let role = match &who.application {
        Some(application) => format!("{} of {application}", who.role),
        None => who.role.to_owned(),
    };
    view::SignedIn {
        name: who.name.clone(),
        role,
        csrf: who.form_token.clone().unwrap_or_default(),
        is_admin: who.is_admin(),
    }
}

/// The times that an answer is about, in words.
pub(crate) fn times<Q: Question>(described: &Described, answer: &Answer<Q>) -> String {
    let envelope = &answer.envelope;
    let second = |name: &str| envelope.asked(name).map(crate::text::second);
    let mut words = match described.time {
        Time::Instant => format!("As of {} UTC", second("at").unwrap_or_default()),
        Time::Stretch => match (second("from"), second("to")) {
            (Some(from), Some(to)) => format!("From {from} until {to} UTC"),
            (Some(from), None) => format!("Since {from} UTC"),
            (None, Some(to)) => format!("Until {to} UTC"),
            (None, None) => "The whole record".to_owned(),
        },
        Time::Known | Time::Now => String::new(),
    };
    if let Some(known) = envelope.asked("knownAt") {
        words.push_str(&match known.bytes().all(|byte| byte.is_ascii_digit()) {
            true => format!(", with what was known at event {known}"),
            false => format!(", with what was known at {} UTC", crate::text::second(known)),
        });
    }
    if !described.order.is_empty() && !words.is_empty() {
        words.push_str(&format!(", {}", described.order));
    }
    words
}

/// Another question of a page, answered over the same snapshot.
pub(crate) struct Further<Q: Question> {
    /// The address of its own page.
    pub(crate) given: Given,
    /// The question with its parameters.
    pub(crate) question: Q,
    /// Its answer.
    pub(crate) answer: Answer<Q>,
}

impl<Q: Question> Shown<'_, Q> {
    /// The usual form, with fields for the parameters that are the page's own.
    pub(crate) fn form_with(&self, own: Vec<Field>) -> Option<String> {
        let mut form = form(described::<Q>()?, self.given);
        form.fields.retain(|field| own.iter().all(|one| one.name != field.name));
        form.fields.extend(own);
        form.fields.sort_by_key(|field| field.kind == view::Kind::Checkbox);
        Some(form.to_string())
    }

    /// The rows of the page as a table.
    pub(crate) fn table(&self, caption: &str) -> TableView {
        table_of(caption, self.given, self.question, self.answer)
    }

    /// What stands below the rows of the page.
    pub(crate) fn below(&self, title: &str) -> PartView {
        titled_below(title, self.given, self.question, self.answer)
    }

    /// Asks another question about the same thing at the same time, with further parameters. `None` if
    /// nothing is recorded that could answer it, as for an application of which only logs are known.
    ///
    /// # Errors
    /// When it cannot be answered.
    pub(crate) fn further<F: Page>(
        &self,
        changes: &[(&str, Option<&str>)],
    ) -> Result<Option<Further<F>>, Refusal> {
        self.further_by(changes, |pairs| self.visit.ask::<F>(pairs))
    }

    /// The same with the rows of all pages, up to about `rows_max`.
    ///
    /// # Errors
    /// When it cannot be answered.
    pub(crate) fn further_whole<F: Page>(
        &self,
        changes: &[(&str, Option<&str>)],
        rows_max: usize,
    ) -> Result<Option<Further<F>>, Refusal> {
        self.further_by(changes, |pairs| self.visit.whole::<F>(pairs, rows_max))
    }

    fn further_by<F: Page>(
        &self,
        changes: &[(&str, Option<&str>)],
        ask: impl Fn(&[(&str, &str)]) -> Result<Answer<F>, Refusal>,
    ) -> Result<Option<Further<F>>, Refusal> {
        let Some(described) = described::<F>() else { return Ok(None) };
        let given = self.given.about(described).with(changes);
        let pairs = given.pairs();
        match ask(&pairs) {
            Ok(answer) => {
                let question = self.visit.read(&pairs)?;
                Ok(Some(Further { given, question, answer }))
            }
            Err(refusal) if refusal.status() == StatusCode::NOT_FOUND => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}

impl<Q: Question> Further<Q> {
    /// The first page of its rows; the next page is one of its own.
    pub(crate) fn table(&self, caption: &str) -> TableView {
        let table = table_of(caption, &self.given, &self.question, &self.answer);
        TableView { is_named_above: false, ..table }
    }

    /// What stands below its rows.
    pub(crate) fn below(&self, title: &str) -> PartView {
        titled_below(title, &self.given, &self.question, &self.answer)
    }
}

/// What stands below the rows of an answer, under a title.
fn titled_below<Q: Question>(
    title: &str,
    given: &Given,
    question: &Q,
    answer: &Answer<Q>,
) -> PartView {
    let below = question.below(&answer.beside, answer.content.rows().len() as u64);
    let mut part = below_of(below, &Around { app: given.app(), given });
    match &mut part.table {
        Some(table) => {
            table.caption = title.to_owned();
            table.is_named_above = false;
        }
        None => part.title = title.to_owned(),
    }
    part
}

/// The first page of an answer's rows.
fn table_of<Q: Question>(
    caption: &str,
    given: &Given,
    question: &Q,
    answer: &Answer<Q>,
) -> TableView {
    let around = Around { app: given.app(), given };
    let view = rows_of(caption, &question.columns(), answer.content.rows(), &around);
    match described::<Q>() {
        Some(described) => paged(view, described, given, &answer.envelope),
        None => view,
    }
}

/// A table of typed rows.
pub(crate) fn rows_of<R>(
    caption: &str,
    columns: &[Column<R>],
    rows: &[R],
    around: &Around<'_>,
) -> TableView {
    // The application stands in the title.
    let columns: Vec<&Column<R>> = columns
        .iter()
        .filter(|one| !(one.heading.is_application && around.app.is_some()))
        .collect();
    let headings =
        columns.iter().map(|one| Heading::new(one.heading.look, one.heading.text)).collect();
    let rows = rows.iter().map(|row| {
        let cells = columns.iter().map(|one| around.cell(one.heading.look, one.cell(row)));
        Row::new(cells.collect())
    });
    TableView {
        caption: caption.to_owned(),
        headings,
        rows: rows.collect(),
        // A title or the heading of a part says the same.
        is_named_above: true,
        ..TableView::default()
    }
}

/// Adds the column of what can be done with each row.
pub(crate) fn add_acts(table: &mut TableView, acts: RowActs) {
    let heading = Heading::new(answers::Look::Text, acts.heading);
    table.headings.push(Heading { is_act: true, ..heading });
    for (row, act) in table.rows.iter_mut().zip(acts.links) {
        let act = act.unwrap_or_default();
        row.cells.push(Cell { href: act.href, is_own: true, ..Cell::text(act.text) });
    }
}

pub(crate) fn facts_of<R>(columns: &[Column<R>], one: &R, around: &Around<'_>) -> Facts {
    let facts = columns.iter().map(|column| {
        Fact::new(column.heading.text, around.cell(column.heading.look, column.cell(one)))
    });
    let facts = facts.filter(|fact| !fact.cell.text.is_empty());
    Facts { caption: None, facts: facts.collect() }
}

fn grid_of(caption: &str, grid: Grid, around: &Around<'_>) -> TableView {
    let looks: Vec<answers::Look> = grid.headings.iter().map(|one| one.look).collect();
    let headings = grid.headings.iter().map(|one| Heading::new(one.look, one.text)).collect();
    let rows = grid.rows.into_iter().map(|row| {
        let cells = looks.iter().zip(row).map(|(look, cell)| around.cell(*look, cell));
        Row::new(cells.collect())
    });
    TableView {
        caption: caption.to_owned(),
        headings,
        rows: rows.collect(),
        // A title or the heading of a part says the same.
        is_named_above: true,
        ..TableView::default()
    }
}

fn part_of(part: Part, around: &Around<'_>) -> PartView {
    let table = part.table.map(|grid| grid_of(part.title, grid, around));
    PartView { title: part.title.to_owned(), table, lines: part.lines }
}

fn below_of(below: Below, around: &Around<'_>) -> PartView {
    let table = below.table.map(|grid| grid_of("", grid, around));
    PartView { title: String::new(), table, lines: below.lines }
}

/// Whether everything was watched.
pub(crate) fn coverage(coverage: &Coverage) -> CoverageView {
    let gap = |gap: &Gap| GapView {
        application: gap.application.clone().flatten().unwrap_or_default(),
        from: gap.from.as_ref().map(|time| time.0.clone()),
        to: gap.to.as_ref().map(|time| time.0.clone()),
        reason: gap.reason.clone(),
    };
    CoverageView {
        is_partial: coverage.state != "complete",
        gaps: coverage.gaps.iter().map(gap).collect(),
    }
}

/// On what an answer rests, and that the thing in question was not there. Only some answers say so.
fn standing<B: serde::Serialize>(described: &Described, beside: &B) -> Vec<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Standing {
        exists: Option<Exists>,
        exists_seq: Option<u64>,
        basis: Option<String>,
    }
    let standing = serde_json::to_value(beside).and_then(serde_json::from_value);
    let Ok(Standing { exists, exists_seq, basis }) = standing else { return vec![] };
    let basis = answers::basis(basis.as_deref()).map(str::to_owned);
    let existence = exists.and_then(|exists| exists.in_words(described.thing(), exists_seq));
    basis.into_iter().chain(existence).collect()
}

/// What a table without rows says: what to relax, and what was not watched.
fn empty(described: &Described, given: &Given, coverage: &CoverageView) -> Empty {
    let mut hints = vec![];
    let is_filter = |name: &str| {
        let place = described.parameter(name).map(|one| one.place);
        matches!(place, Some(Place::Query | Place::Time))
    };
    for (name, text) in given.pairs().into_iter().filter(|(name, _)| is_filter(name)) {
        let without = given.with(&[(name, None)]);
        if !without.lacks_required() {
            let label = described.parameter(name).map(|one| one.label.clone()).unwrap_or_default();
            hints.push(Link::to(format!("Ask without {label}: {text}"), without.page()));
        }
    }
    if coverage.is_partial {
        let words = "Not everything was watched, so that there are no rows does not mean that \
                     nothing happened.";
        hints.push(Link::text(words));
    }
    Empty { what: "Nothing in the record answers this question.".to_owned(), hints }
}

/// The same answer for other tools.
pub(crate) fn take_away(
    described: &'static Described,
    given: &Given,
    public_url: &str,
    is_admin: bool,
) -> TakeAway {
    let url = format!("{public_url}{}", given.api());
    let token = "Authorization: Bearer TOKEN";
    TakeAway {
        json: given.api(),
        csv: described.is_list().then(|| given.export()),
        command: described.command_line(&given.pairs()),
        curl: format!("curl -H {} {}", answers::quoted(token), answers::quoted(&url)),
        save: is_admin.then(|| crate::admin::saved::form_for(&given.api())),
    }
}

/// The parameters of a question as a form.
pub(crate) fn form(described: &'static Described, given: &Given) -> FormView {
    let (mut fields, mut more) = (vec![], vec![]);
    for parameter in &described.parameters {
        let rare = matches!(parameter.name, "knownAt" | "tz" | "limit");
        let kind = match &parameter.kind {
            _ if parameter.place == Place::Path => continue,
            Kind::Cursor => continue,
            Kind::Flag => view::Kind::Checkbox,
            Kind::Bool => view::Kind::Select(vec![
                Choice::new("", "any"),
                Choice::new("true", "yes"),
                Choice::new("false", "no"),
            ]),
            Kind::Choice(words) => {
                let choices = words.iter().map(|one| Choice::new(&one.word, &one.label));
                let none = (!parameter.is_required).then(|| Choice::new("", "any"));
                view::Kind::Select(none.into_iter().chain(choices).collect())
            }
            Kind::Instant(_) => view::Kind::Date,
            Kind::Number { .. } => view::Kind::Number,
            _ => view::Kind::Text,
        };
        let field = Field {
            name: parameter.name.to_owned(),
            label: parameter.label.clone(),
            // A form reads names like the command line.
            help: parameter.help.replace("on the command line any other", "any other"),
            kind,
            value: given.get(parameter.name).unwrap_or_default().to_owned(),
            required: parameter.is_required,
            error: None,
        };
        match rare {
            true => more.push(field),
            false => fields.push(field),
        }
    }
    // What is ticked comes after what is written, so that the fields stand in a line.
    fields.sort_by_key(|field| field.kind == view::Kind::Checkbox);
    fields.extend(given.own_pairs().map(|(name, text)| Field::hidden(name, text)));
    let action = given.fill(template(described));
    FormView { action, fields, more, submit: "Ask".to_owned(), ..FormView::default() }
}
