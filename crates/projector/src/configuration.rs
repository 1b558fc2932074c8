//! Rows about configuration: each change with the one before it, the last use of each token, privileged
//! groups, and saved questions.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use event::{
    Application, Credential, Event, Fact, GroupMarked, Number, QuestionRemoved, QuestionSaved, Seq,
};
use store::key::{self, KeyRange};
use store::{Direction, ReadRows};

use crate::error::ProjectorError;
use crate::overlay::Overlay;
use crate::row;
use crate::view::View;

/// In a row: no event.
const NO_EVENT: Seq = Seq::MAX;

/// What kind of thing was configured. The numbers are stored in rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ConfigurationKind {
    /// An application.
    Application = 1,
    /// The upstream of an application.
    Upstream = 2,
    /// The service principal of an application at its provider.
    ServicePrincipal = 3,
    /// The profile and settings of an application.
    Profile = 4,
    /// A token.
    Token = 5,
    /// A resource type beyond `User` and `Group`.
    ResourceType = 6,
    /// Evidence of an operation.
    Evidence = 7,
    /// A list of people.
    ReferenceList = 8,
    /// Whether a group is privileged.
    PrivilegedGroup = 9,
    /// A saved question.
    SavedQuestion = 10,
    /// An erasure of people.
    Erasure = 11,
    /// A legal hold of people.
    LegalHold = 12,
    /// For how long what is sent is kept.
    Retention = 13,
}

impl ConfigurationKind {
    fn from_code(code: u8) -> Option<ConfigurationKind> {
        use ConfigurationKind::*;
        let all = [
            Application,
            Upstream,
            ServicePrincipal,
            Profile,
            Token,
            ResourceType,
            Evidence,
            ReferenceList,
            PrivilegedGroup,
            SavedQuestion,
            Erasure,
            LegalHold,
            Retention,
        ];
        all.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// A summary of one configuration change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConfigurationSummary {
    /// The event of the change.
    pub seq: Seq,
    /// The application that was configured; the recorder if it is the whole server.
    pub application: Application,
    /// The credential that made the change; none for what the recorder did itself.
    pub credential: Credential,
    /// What kind of thing was changed.
    pub kind: ConfigurationKind,
    /// The previous event that configured the same thing.
    pub before: Option<Seq>,
}

/// A group that is privileged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrivilegedGroup {
    /// The group.
    pub number: Number,
    /// The event that marked the group.
    pub seq: Seq,
}

/// A saved question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedQuestion {
    /// Its unique name.
    pub name: String,
    /// The event that saved it.
    pub seq: Seq,
    /// The application that it asks about; the recorder if it asks about all.
    pub application: Application,
}

/// What an event configures, and a key that identifies the thing within its kind. Things without a key
/// are never replaced.
fn configured(fact: &Fact) -> Option<(ConfigurationKind, Option<Vec<u8>>)> {
    let number = |number: u32| Some(number.to_be_bytes().to_vec());
    Some(match fact {
        Fact::ApplicationAdded(_) => (ConfigurationKind::Application, None),
        Fact::UpstreamSet(_) => (ConfigurationKind::Upstream, Some(vec![])),
        Fact::ServicePrincipalSet(_) => (ConfigurationKind::ServicePrincipal, Some(vec![])),
        Fact::ProfileChanged(_) => (ConfigurationKind::Profile, Some(vec![])),
        Fact::CredentialAdded(added) => (ConfigurationKind::Token, number(added.number.0)),
        Fact::CredentialRevoked(revoked) => (ConfigurationKind::Token, number(revoked.number.0)),
        Fact::IdentitySet(set) => (ConfigurationKind::Token, number(set.number.0)),
        Fact::ResourceTypeAdded(_) => (ConfigurationKind::ResourceType, None),
        Fact::EvidenceAdded(_) => (ConfigurationKind::Evidence, None),
        Fact::ReferenceListAdded(added) => {
            (ConfigurationKind::ReferenceList, Some(added.name.clone().into_bytes()))
        }
        Fact::GroupMarked(marked) => (ConfigurationKind::PrivilegedGroup, number(marked.number.0)),
        Fact::QuestionSaved(QuestionSaved { name })
        | Fact::QuestionRemoved(QuestionRemoved { name }) => {
            (ConfigurationKind::SavedQuestion, Some(name.clone().into_bytes()))
        }
        Fact::SubjectsErased(_) => (ConfigurationKind::Erasure, None),
        Fact::LegalHold(_) => (ConfigurationKind::LegalHold, None),
        Fact::RetentionSet(_) | Fact::SentErased(_) => (ConfigurationKind::Retention, Some(vec![])),
        Fact::Operation(_)
        | Fact::Intent(_)
        | Fact::Observation(_)
        | Fact::Listed(_)
        | Fact::ErasureCompleted(_)
        | Fact::RecorderStarted(_)
        | Fact::RecorderStopped(_)
        | Fact::Unauthenticated(_)
        | Fact::ConnectionsRefused(_)
        | Fact::Imported(_)
        | Fact::ImportBatch(_)
        | Fact::Access(_)
        | Fact::ReviewAdded(_)
        | Fact::StateCommitted(_) => return None,
    })
}

/// Updates the use of the event's token and the list of configuration changes.
pub(crate) fn fold_configuration(
    rows: &mut Overlay<'_>,
    event: &Event,
) -> Result<(), ProjectorError> {
    let origin = event.header.origin.as_ref();
    let credential = origin.map_or(Credential::NONE, |origin| origin.credential);
    // Operations are listed by credential already, and entries of an import by their batch.
    let is_listed = matches!(
        event.header.fact,
        Fact::Operation(_) | Fact::Intent(_) | Fact::Observation(_) | Fact::Imported(_)
    );
    if credential != Credential::NONE && !is_listed {
        rows.put(key::token_use(credential), event.seq.to_be_bytes().to_vec());
    }
    let Some((kind, subject)) = configured(&event.header.fact) else { return Ok(()) };
    let application = event.header.application;
    let mut before = None;
    if let Some(subject) = subject {
        // A saved question is identified by its name alone, whatever application it asks about, and a
        // credential by its number, whose application may change.
        let owner = match kind {
            ConfigurationKind::SavedQuestion | ConfigurationKind::Token => Application::RECORDER,
            _ => application,
        };
        let last = key::configured(owner, kind as u8, &subject);
        let value = rows.get(&last)?;
        before = value.map(|value| row::decode_seq("what is configured", &value)).transpose()?;
        rows.put(last, event.seq.to_be_bytes().to_vec());
    }
    let summary = ConfigurationSummary { seq: event.seq, application, credential, kind, before };
    rows.put(key::configuration(event.seq), summary.encode());
    Ok(())
}

pub(crate) fn fold_marked(rows: &mut Overlay<'_>, event: &Event, marked: &GroupMarked) {
    let key = key::privileged(event.header.application, marked.number, event.seq);
    rows.put(key, vec![u8::from(marked.privileged)]);
}

/// `is_there` is false when the question is removed.
pub(crate) fn fold_question(rows: &mut Overlay<'_>, event: &Event, name: &str, is_there: bool) {
    let mut value = row::encode_number(event.header.application.0);
    value.push(u8::from(is_there));
    rows.put(key::saved_question(name, event.seq), value);
}

impl ConfigurationSummary {
    /// `application u32 | credential u32 | kind u8 | before u64`
    fn encode(self) -> Vec<u8> {
        let mut value = row::encode_number(self.application.0);
        value.extend_from_slice(&self.credential.0.to_be_bytes());
        value.push(self.kind as u8);
        value.extend_from_slice(&self.before.unwrap_or(NO_EVENT).to_be_bytes());
        value
    }

    fn decode(key: &[u8], value: &[u8]) -> Option<ConfigurationSummary> {
        let seq = key::index_seq(key)?;
        let (application, rest) = value.split_first_chunk::<4>()?;
        let (credential, rest) = rest.split_first_chunk::<4>()?;
        let (kind, before) = rest.split_first()?;
        let before = u64::from_be_bytes(before.try_into().ok()?);
        Some(ConfigurationSummary {
            seq,
            application: Application(u32::from_be_bytes(*application)),
            credential: Credential(u32::from_be_bytes(*credential)),
            kind: ConfigurationKind::from_code(*kind)?,
            before: Some(before).filter(|before| *before != NO_EVENT),
        })
    }
}

impl View<'_> {
    /// Visits the configuration changes in a range of events, newest first, until `visit` breaks off.
    ///
    /// # Errors
    /// Here and below, when the rows cannot be read.
    pub fn configurations(
        &self,
        seqs: Range<Seq>,
        visit: &mut dyn FnMut(ConfigurationSummary) -> ControlFlow<()>,
    ) -> Result<(), ProjectorError> {
        let seqs = self.within(seqs);
        if seqs.is_empty() {
            return Ok(());
        }
        let mut damaged = false;
        let range = key::configurations(&seqs);
        self.rows().scan(&range, Direction::Forward, &mut |key, value| {
            match ConfigurationSummary::decode(key, value) {
                Some(summary) => visit(summary),
                None => {
                    damaged = true;
                    ControlFlow::Break(())
                }
            }
        })?;
        if damaged { Err(ProjectorError::row("a change of the configuration")) } else { Ok(()) }
    }

    /// The last event with each credential that was ever used. Not limited to the view: these rows keep
    /// no history.
    pub fn last_uses(&self) -> Result<BTreeMap<Credential, Seq>, ProjectorError> {
        let what = "the use of a token";
        let uses = self.collect(&key::token_uses(), |key, value| {
            let number = row::decode_number(what, &key[1..])?;
            Ok((Credential(number), row::decode_seq(what, value)?))
        })?;
        let mut last: BTreeMap<Credential, Seq> = uses.into_iter().collect();
        for (class, _) in self.classes()? {
            if let Some(seq) = self.by_class(class, 0..Seq::MAX, 1)?.first() {
                let known = last.entry(class.credential).or_insert(*seq);
                *known = (*known).max(*seq);
            }
        }
        Ok(last)
    }

    /// The event that last marked or unmarked a group, up to `seq`, and which it did; `None` for a group
    /// that was never marked.
    pub fn mark(
        &self,
        application: Application,
        group: Number,
        seq: Seq,
    ) -> Result<Option<(Seq, bool)>, ProjectorError> {
        let Some(until) = self.until(seq) else { return Ok(None) };
        let range = key::privileged_until(application, group, until);
        let newest = self.rows().first(&range, Direction::Forward)?;
        let mark = newest.map(|(key, value)| mark(&key, &value)).transpose()?;
        Ok(mark.map(|(_, seq, is_privileged)| (seq, is_privileged)))
    }

    /// The groups of an application that are privileged right after `seq`, by number.
    pub fn all_privileged(
        &self,
        application: Application,
        seq: Seq,
    ) -> Result<Vec<PrivilegedGroup>, ProjectorError> {
        let mut marks = self.newest_of_each(key::all_privileged(application), seq, mark)?;
        marks.retain(|(_, _, is_privileged)| *is_privileged);
        Ok(marks.into_iter().map(|(number, seq, _)| PrivilegedGroup { number, seq }).collect())
    }

    /// The questions that are saved right after `seq`, by name.
    pub fn saved_questions(&self, seq: Seq) -> Result<Vec<SavedQuestion>, ProjectorError> {
        let mut all = self.newest_of_each(key::saved_questions(), seq, saved_question)?;
        all.retain(|(_, is_there)| *is_there);
        Ok(all.into_iter().map(|(question, _)| question).collect())
    }

    /// The newest row of each thing in a range, right after `seq`. Skips older rows.
    fn newest_of_each<T>(
        &self,
        mut range: KeyRange,
        seq: Seq,
        read: fn(&[u8], &[u8]) -> Result<T, ProjectorError>,
    ) -> Result<Vec<T>, ProjectorError> {
        let Some(until) = self.until(seq) else { return Ok(vec![]) };
        let mut all = vec![];
        while let Some((key, _)) = self.rows().first(&range, Direction::Forward)? {
            let damaged = || ProjectorError::row("what is configured");
            let same = key::same_until(&key, until).ok_or_else(damaged)?;
            if let Some((key, value)) = self.rows().first(&same, Direction::Forward)? {
                all.push(read(&key, &value)?);
            }
            range.from = same.to;
        }
        Ok(all)
    }
}

fn mark(key: &[u8], value: &[u8]) -> Result<(Number, Seq, bool), ProjectorError> {
    let damaged = || ProjectorError::row("a privileged group");
    let (number, seq) = key::privileged_parts(key).ok_or_else(damaged)?;
    match value {
        [0] => Ok((number, seq, false)),
        [1] => Ok((number, seq, true)),
        _ => Err(damaged()),
    }
}

fn saved_question(key: &[u8], value: &[u8]) -> Result<(SavedQuestion, bool), ProjectorError> {
    let damaged = || ProjectorError::row("a saved question");
    let (name, seq) = key::saved_question_parts(key).ok_or_else(damaged)?;
    let Some((application, [is_there])) = value.split_first_chunk::<4>() else {
        return Err(damaged());
    };
    let application = Application(u32::from_be_bytes(*application));
    Ok((SavedQuestion { name: name.to_owned(), seq, application }, *is_there != 0))
}

#[cfg(test)]
mod tests {
    use event::{
        CredentialAdded, CredentialRevoked, Header, Origin, Role, Structure, Timestamp, UpstreamSet,
    };

    use super::*;
    use crate::fold::fold;
    use crate::overlay::tests::MapRows;

    const APP: Application = Application(3);
    const ADMIN: Credential = Credential(1);

    fn event(seq: Seq, application: Application, fact: Fact) -> Event {
        let now = Timestamp(seq as i64);
        let origin = Origin { credential: ADMIN, request_id: "r".into(), ..Origin::default() };
        let origin = Some(origin);
        let header = Header { application, recorded_at: now, raw_clock: now, origin, fact };
        Event { seq, header, structure: Structure::default(), parts: vec![] }
    }

    fn upstream(url: &str) -> Fact {
        Fact::UpstreamSet(UpstreamSet {
            url: url.into(),
            token_file: "f".into(),
            ca_file: None,
            rewrites_locations: true,
            shows_members: true,
        })
    }

    #[test]
    fn each_change_is_listed_with_the_one_before_it_of_the_same_thing() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        let number = Credential(8);
        let added = CredentialAdded {
            number,
            role: Role::Scim,
            sha256: [1; 32],
            name: None,
            expires_at: None,
        };
        let facts = [
            (APP, upstream("https://one.example")),
            (Application(4), upstream("https://other.example")),
            (APP, Fact::CredentialAdded(added)),
            (APP, upstream("https://two.example")),
            (APP, Fact::CredentialRevoked(CredentialRevoked { number })),
        ];
        for (seq, (application, fact)) in (0..).zip(facts) {
            fold(&mut rows, &event(seq, application, fact)).unwrap();
        }
        let view = View::new(&rows);
        let listed = |view: View<'_>, seqs| {
            let mut all = vec![];
            view.configurations(seqs, &mut |one| {
                all.push((one.seq, one.application.0, one.kind, one.before));
                ControlFlow::Continue(())
            })
            .unwrap();
            all
        };
        use ConfigurationKind::{Token, Upstream};
        let expected = [
            (4, 3, Token, Some(2)),
            (3, 3, Upstream, Some(0)),
            (2, 3, Token, None),
            (1, 4, Upstream, None),
            (0, 3, Upstream, None),
        ];
        assert_eq!(listed(view, 0..9), expected);
        assert_eq!(listed(view, 1..3), expected[2..4]);
        assert_eq!(listed(view.limited_to(2), 0..9), expected[3..]);
        assert_eq!(view.last_uses().unwrap(), [(ADMIN, 4)].into());
    }

    #[test]
    fn a_group_is_privileged_from_its_mark_to_the_next() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        let marks = [(7, true), (9, true), (7, false), (7, true)];
        for (seq, (number, privileged)) in (0..).zip(marks) {
            let number = Number(number);
            let fact = Fact::GroupMarked(GroupMarked { number, privileged });
            fold(&mut rows, &event(seq, APP, fact)).unwrap();
        }
        let view = View::new(&rows);
        let at = |seq| view.mark(APP, Number(7), seq).unwrap();
        let (first, gone, again) = (Some((0, true)), Some((2, false)), Some((3, true)));
        assert_eq!([0, 1, 2, 3, View::NOW].map(at), [first, first, gone, again, again]);
        assert_eq!(view.mark(Application(4), Number(7), View::NOW).unwrap(), None);
        let all = |view: View<'_>, seq| -> Vec<_> {
            let all = view.all_privileged(APP, seq).unwrap();
            all.into_iter().map(|one| (one.number.0, one.seq)).collect()
        };
        assert_eq!(all(view, View::NOW), [(7, 3), (9, 1)]);
        assert_eq!(all(view, 2), [(9, 1)]);
        assert_eq!(all(view.limited_to(1), View::NOW), [(7, 0)]);
        assert_eq!(all(view.limited_to(0), View::NOW), []);
    }

    #[test]
    fn a_question_is_saved_until_it_is_replaced_or_removed() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        let saved = |name: &str| Fact::QuestionSaved(QuestionSaved { name: name.into() });
        let removed = Fact::QuestionRemoved(QuestionRemoved { name: "a".into() });
        let facts = [
            (APP, saved("a")),
            (APP, saved("b")),
            (Application::RECORDER, saved("a")),
            (APP, removed),
        ];
        for (seq, (application, fact)) in (0..).zip(facts) {
            fold(&mut rows, &event(seq, application, fact)).unwrap();
        }
        let view = View::new(&rows);
        let at = |seq| -> Vec<_> {
            let all = view.saved_questions(seq).unwrap();
            all.into_iter().map(|one| (one.name, one.seq, one.application.0)).collect()
        };
        let (a, b) = (|seq, app| ("a".to_owned(), seq, app), ("b".to_owned(), 1, 3));
        assert_eq!(at(0), [a(0, 3)]);
        assert_eq!(at(1), [a(0, 3), b.clone()]);
        assert_eq!(at(2), [a(2, 0), b.clone()]);
        assert_eq!(at(View::NOW), [b]);
    }
}
