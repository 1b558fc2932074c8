//! Links, and what follows from header and structural facts alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use event::codec::{decode_facts, encode};
use event::{
    Attribute, Content, Credential, Header, Mention, MentionedName, NumberLinks, Operation, Origin,
    Path, RecorderStopped, ResourceType, Structure, Timestamp, ValueChange,
};
use store::key::KeyRange;
use store::{Direction, ReadRows};

use super::*;
use crate::fold::fold;
use crate::overlay::Overlay;
use crate::overlay::tests::MapRows;

const APP: Application = Application(1);

/// A small company whose events are made at random, and what is true of it.
#[derive(Default)]
struct Company {
    random: u64,
    next: u32,
    users: BTreeMap<u32, bool>,
    groups: BTreeMap<u32, BTreeSet<u32>>,
}

impl Company {
    fn draw(&mut self, below: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) as usize % below.max(1)
    }

    fn pick(&mut self, from: Vec<u32>) -> Option<u32> {
        let place = self.draw(from.len());
        from.get(place).copied()
    }

    fn some_user(&mut self) -> Option<u32> {
        self.pick(self.users.keys().copied().collect())
    }

    fn some_group(&mut self) -> Option<u32> {
        self.pick(self.groups.keys().copied().collect())
    }

    /// The next request: its method, status, type and number, and what it changed.
    fn request(&mut self) -> (Method, u16, ResourceType, u32, Vec<(u32, Changes)>) {
        let state = |text: String| Values::State(Arc::new(text.into_bytes()));
        let fresh = self.next + 1;
        match self.draw(12) {
            0..=3 => {
                self.next = fresh;
                let active = self.draw(4) > 0;
                self.users.insert(fresh, active);
                let values = state(format!(
                    r#"{{"active":{active},"id":"u-{fresh}","userName":"user{fresh}@boat.example"}}"#
                ));
                let lifecycle = Some(Lifecycle::Created(ResourceType::USER));
                let changes = Changes { lifecycle, values, ..Changes::default() };
                (Method::Post, 201, ResourceType::USER, fresh, vec![(fresh, changes)])
            }
            4 => {
                self.next = fresh;
                let mut joined: Vec<u32> =
                    self.users.keys().copied().filter(|number| number % 3 == 0).collect();
                joined.truncate(4);
                self.groups.insert(fresh, joined.iter().copied().collect());
                let changes = Changes {
                    lifecycle: Some(Lifecycle::Created(ResourceType::GROUP)),
                    values: state(format!(r#"{{"displayName":"Crew {fresh}","id":"g-{fresh}"}}"#)),
                    joined: joined.into_iter().map(Number).collect(),
                    ..Changes::default()
                };
                (Method::Post, 201, ResourceType::GROUP, fresh, vec![(fresh, changes)])
            }
            5 | 6 => {
                let Some(user) = self.some_user() else { return self.mention(fresh) };
                let before = self.users[&user];
                let to_active = self.draw(2) == 0;
                let path = |attribute: &str| Path {
                    schema: None,
                    attribute: attribute.into(),
                    element: None,
                    sub: None,
                };
                let mut values = vec![ValueChange {
                    path: path("title"),
                    old: None,
                    new: Some(format!("\"title {}\"", self.draw(1_000)).into_bytes()),
                }];
                if before != to_active {
                    self.users.insert(user, to_active);
                    let text = |active: bool| Some(active.to_string().into_bytes());
                    let (old, new) = (text(before), text(to_active));
                    values.insert(0, ValueChange { path: path("active"), old, new });
                }
                let changes = Changes { values: values.into(), ..Changes::default() };
                (Method::Patch, 200, ResourceType::USER, user, vec![(user, changes)])
            }
            7 | 8 => {
                let (Some(group), Some(user)) = (self.some_group(), self.some_user()) else {
                    return self.mention(fresh);
                };
                let members = self.groups.entry(group).or_default();
                let mut changes = Changes::default();
                if members.remove(&user) {
                    changes.left.push(Number(user));
                } else {
                    members.insert(user);
                    changes.joined.push(Number(user));
                }
                (Method::Patch, 204, ResourceType::GROUP, group, vec![(group, changes)])
            }
            9 => {
                let Some(user) = self.some_user() else { return self.mention(fresh) };
                self.users.remove(&user);
                let id = Path { schema: None, attribute: "id".into(), element: None, sub: None };
                let values = vec![ValueChange {
                    path: id,
                    old: Some(format!("\"u-{user}\"").into_bytes()),
                    new: None,
                }];
                let changes = Changes {
                    lifecycle: Some(Lifecycle::Deleted),
                    values: values.into(),
                    ..Changes::default()
                };
                let mut all = vec![(user, changes)];
                for (group, members) in &mut self.groups {
                    if members.remove(&user) {
                        let left = vec![Number(user)];
                        all.push((*group, Changes { left, ..Changes::default() }));
                    }
                }
                (Method::Delete, 204, ResourceType::USER, user, all)
            }
            10 => (Method::Get, 200, ResourceType::USER, 0, vec![]),
            _ => self.mention(fresh),
        }
    }

    fn mention(&mut self, fresh: u32) -> (Method, u16, ResourceType, u32, Vec<(u32, Changes)>) {
        self.next = fresh;
        let name = Some(MentionedName { value: format!("nobody{fresh}"), display: None });
        let (attribute, resource_type) = (Attribute::UserName, ResourceType::NONE);
        let mention = Some(Mention { attribute, resource_type, name });
        let changes = Changes { mention, ..Changes::default() };
        (Method::Post, 409, ResourceType::USER, fresh, vec![(fresh, changes)])
    }

    fn event(&mut self, seq: Seq) -> Event {
        let (method, status, resource_type, number, changes) = self.request();
        let mut touches: Vec<Number> = changes
            .iter()
            .flat_map(|(number, one)| {
                [Number(*number)].into_iter().chain(one.joined.clone()).chain(one.left.clone())
            })
            .filter(|touched| *touched != Number(number))
            .collect();
        touches.sort_unstable();
        touches.dedup();
        let effect = match (method, status) {
            (Method::Get, _) => Effect::Read,
            (_, 400..) => Effect::Rejected,
            _ => Effect::Applied,
        };
        let operation = Operation {
            route: Route::Resource,
            method,
            resource_type,
            number: Number(number),
            touches,
            status,
            scim_type: 0,
            effect,
            index: 0,
            saw_seq: None,
            results: None,
            decided_after_us: 7,
        };
        let parts = changes
            .into_iter()
            .map(|(number, changes)| Part::new(Number(number), Content::Changes(changes)));
        event(seq, APP, Fact::Operation(operation), parts.collect())
    }
}

fn event(seq: Seq, application: Application, fact: Fact, parts: Vec<Part>) -> Event {
    let recorded_at = Timestamp(seq as i64 * 1_000);
    let origin = Some(Origin {
        credential: Credential(2),
        request_id: format!("request {seq}"),
        ..Origin::default()
    });
    let header = Header { application, recorded_at, raw_clock: recorded_at, origin, fact };
    Event { seq, header, structure: Structure::default(), parts }
}

/// Keys and values.
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// All rows, by the number of their kind.
fn by_kind(rows: &Overlay<'_>) -> BTreeMap<u8, Rows> {
    let mut all: BTreeMap<u8, Rows> = BTreeMap::new();
    let range = KeyRange { from: vec![0], to: vec![u8::MAX] };
    rows.scan(&range, Direction::Forward, &mut |key, value| {
        all.entry(key[0]).or_default().push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })
    .unwrap();
    all
}

/// Sets, counts, classes and versions are the same without any value.
#[test]
fn what_is_structural_follows_without_any_part() {
    let base = MapRows::default();
    let (mut whole, mut facts) = (Overlay::new(&base), Overlay::new(&base));
    let mut company = Company { random: 7, ..Company::default() };
    for seq in 0..1_500 {
        let mut event = company.event(seq);
        Completion::default().complete(&mut event, &View::new(&whole)).unwrap();
        fold(&mut whole, &event).unwrap();
        let bytes = encode(&event).unwrap();
        fold(&mut facts, &decode_facts(seq, &bytes).unwrap()).unwrap();
    }
    assert!(company.users.len() > 100 && company.groups.len() > 20, "it is a company");
    let (whole_rows, fact_rows) = (by_kind(&whole), by_kind(&facts));
    // What holds names, values or what a client chose.
    let of_values: BTreeSet<u8> = [
        store::key::id(APP, ResourceType::USER, "x"),
        store::key::mention(APP, ResourceType::USER, Attribute::UserName, "x"),
        store::key::mentioned(APP, Number(1)),
        store::key::lookup(APP, ResourceType::USER, Attribute::UserName, "x", Number(1)),
        store::key::unique(APP, ResourceType::USER, Attribute::UserName, "x"),
        store::key::named(APP, ResourceType::USER, Attribute::UserName, "x", (Number(1), 0)),
        store::key::mention_name(APP, Number(1), &[]),
    ]
    .iter()
    .map(|key| key[0])
    .collect();
    let version = store::key::version(APP, Number(1), 0)[0];
    let operation = store::key::operation(0)[0];
    for (kind, rows) in &whole_rows {
        if of_values.contains(kind) || *kind == version {
            continue;
        }
        let mut rows = rows.clone();
        let mut others = fact_rows.get(kind).cloned().unwrap_or_default();
        if *kind == operation {
            // The hash of the request's id ends a summary.
            for (_, value) in rows.iter_mut().chain(&mut others) {
                value.truncate(value.len() - 8);
            }
        }
        assert_eq!(rows, others, "rows of kind {kind}");
    }
    let resources = company.users.keys().chain(company.groups.keys());
    for number in resources {
        let at = |rows: &Overlay<'_>| {
            View::new(rows).version(APP, Number(*number), View::NOW).unwrap().unwrap()
        };
        let (whole, fact) = (at(&whole), at(&facts));
        assert_eq!(whole.seq, fact.seq, "the ETag of {number}");
        assert_eq!(whole.active, fact.active);
        assert_eq!(
            (whole.created_seq, whole.resource_type),
            (fact.created_seq, fact.resource_type)
        );
        assert!(whole.state.is_some_and(|state| state.get("id").is_some()));
        assert!(fact.state.is_some_and(|state| state.is_empty()), "no value is known");
    }
}

/// Links name the last event before that changed the same, by a naive walk over all events.
#[test]
fn links_name_the_last_change_of_the_same() {
    let base = MapRows::default();
    let mut rows = Overlay::new(&base);
    let mut company = Company { random: 21, ..Company::default() };
    let mut events: Vec<Event> = vec![];
    for seq in 0..600 {
        let mut event = match seq % 97 {
            96 => {
                let stopped = RecorderStopped { broken_requests: 0 };
                event(seq, Application::RECORDER, Fact::RecorderStopped(stopped), vec![])
            }
            _ => company.event(seq),
        };
        Completion::default().complete(&mut event, &View::new(&rows)).unwrap();
        fold(&mut rows, &event).unwrap();
        events.push(event);
    }
    let own = |event: &Event| -> Vec<(Number, Changes)> {
        let parts = event.parts.iter();
        parts
            .filter_map(|part| Some((part.subject, part.content.changes()?.clone())))
            .filter(|(_, one)| one.mention.is_none())
            .collect()
    };
    let last = |seq: usize, is_so: &dyn Fn(&Event) -> bool| -> Option<Seq> {
        events[..seq].iter().rev().find(|event| is_so(event)).map(|event| event.seq)
    };
    let mut links = 0;
    for (seq, event) in events.iter().enumerate() {
        for (number, changes) in own(event) {
            let of_number = |found: &dyn Fn(&Changes) -> bool| {
                last(seq, &|event| own(event).iter().any(|(one, all)| *one == number && found(all)))
            };
            let changes_state = |all: &Changes| all.lifecycle.is_some() || !all.values.is_none();
            let changes_members = |all: &Changes| !all.joined.is_empty() || !all.left.is_empty();
            let state = changes_state(&changes).then(|| of_number(&changes_state)).flatten();
            let members = changes_members(&changes).then(|| of_number(&changes_members)).flatten();
            let moved = changes.joined.iter().chain(&changes.left).map(|member| {
                last(seq, &|event| {
                    let mut all = own(event).into_iter();
                    all.any(|(_, one)| one.joined.contains(member) || one.left.contains(member))
                })
            });
            let mut memberships: Vec<Option<Seq>> = moved.collect();
            if memberships.iter().all(Option::is_none) {
                memberships.clear();
            }
            // A deleted member leaves several groups in one event: the first of them has the link.
            let deletes =
                own(event).iter().any(|(_, one)| one.lifecycle == Some(Lifecycle::Deleted));
            if deletes && changes.lifecycle.is_none() && changes.links.memberships.is_empty() {
                memberships.clear();
            }
            let expected = NumberLinks { state, members, memberships };
            links += usize::from(expected != NumberLinks::default());
            assert_eq!(changes.links, expected, "event {seq}, number {number:?}");
        }
        let moves = |event: &Event| {
            own(event).iter().any(|(_, one)| one.lifecycle.is_some() || one.active.is_some())
        };
        let population = moves(event).then(|| last(seq, &moves)).flatten();
        assert_eq!(event.structure.population, population, "event {seq}");
        let is_of_recorder = |event: &Event| event.header.fact.watches();
        let recorder = is_of_recorder(event).then(|| last(seq, &is_of_recorder)).flatten();
        assert_eq!(event.structure.recorder, recorder, "event {seq}");
        assert_eq!(event.structure.action.is_some(), !is_of_recorder(event));
    }
    assert!(links > 100, "{links}");

    // Whoever walks back from link to link meets every event that changed the thing.
    let mut last_of = HashMap::new();
    for event in &events {
        for link in event.links() {
            let thing = (event.header.application, link.kind, link.number);
            let before = last_of.insert(thing, event.seq);
            assert_eq!(link.before, before, "event {}, {thing:?}", event.seq);
        }
    }
}

/// The events of one command are completed before the first is folded.
#[test]
fn events_of_one_command_link_to_each_other() {
    let base = MapRows::default();
    let rows = Overlay::new(&base);
    let mut company = Company { random: 3, ..Company::default() };
    let mut completion = Completion::default();
    let created = (0..).map(|seq| company.event(seq)).find(|event| {
        let changes = event.parts.first().and_then(|part| part.content.changes());
        changes.is_some_and(|one| one.lifecycle.is_some())
    });
    let mut first = created.unwrap();
    let number = first.parts[0].subject;
    let mut second = first.clone();
    second.seq = first.seq + 1;
    second.parts = vec![Part::new(
        number,
        Content::Changes(Changes { lifecycle: Some(Lifecycle::Deleted), ..Changes::default() }),
    )];
    completion.complete(&mut first, &View::new(&rows)).unwrap();
    completion.complete(&mut second, &View::new(&rows)).unwrap();
    let changes = second.parts[0].content.changes().unwrap();
    assert_eq!(changes.links.state, Some(first.seq));
    assert_eq!(second.structure.population, Some(first.seq));
    assert_eq!(changes.active, None, "a resource that is gone is neither");
}
