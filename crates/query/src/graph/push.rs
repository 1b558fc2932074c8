//! Answers parts of a filter from the indexes: which items can match. The rest of the filter is checked
//! for each entry.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entra_log::{entry_id, said};
use event::{
    Action, Application, Attribute, CodeKind, EventId, Imported, ResourceType, Seq, Source, Status,
};
use projector::{ProjectorError, View};

use super::filter::{Filter, Literal, Operator};
use crate::error::Error;
use crate::log::{Filter as Index, Wanted};
use crate::name::Name;
use crate::record::Record;

/// The items that can match.
pub(super) struct Pushed {
    pub(super) wanted: Wanted,
    /// Start of the time range, included, in microseconds.
    pub(super) from_us: i64,
    /// End of the time range, excluded, in microseconds.
    pub(super) before_us: i64,
    /// The only events that can match, if the filter names an id.
    pub(super) only: Option<BTreeSet<Seq>>,
    /// Whether every item from the indexes matches, so that the filter need not be checked.
    pub(super) is_exact: bool,
}

/// All items of an application, or of all applications that the caller may see.
pub(super) fn everything(scope: Option<Application>) -> Pushed {
    let recorded = Index { application: scope, ..Index::default() };
    let imported = Index { log: Some(Source::Provisioning), ..recorded.clone() };
    Pushed {
        wanted: Wanted { recorded: Some(recorded), imported: Some(imported) },
        from_us: i64::MIN,
        before_us: i64::MAX,
        only: None,
        is_exact: true,
    }
}

/// The items that can match a filter.
pub(super) fn push(
    record: &Record<'_>,
    scope: Option<Application>,
    filter: &Filter,
) -> Result<Pushed, Error> {
    let mut pushed = everything(scope);
    pushed.is_exact = filter.is_all_required();
    let mut seen = BTreeSet::new();
    for required in filter.required() {
        // An index can answer only one comparison per property.
        let is_first = seen.insert(required.property) || required.property == "activityDateTime";
        pushed.is_exact &= is_first;
        let one = match required.values {
            [one] => Some(one),
            _ => None,
        };
        match (required.property, required.operator, one) {
            ("activityDateTime", operator, Some(Literal::Time(time))) => {
                pushed.is_exact &= pushed.within(operator, *time);
            }
            (property, Operator::Eq, Some(Literal::Text(text))) => {
                let property = (property, required.key);
                pushed.is_exact &= pushed.equal(record, scope, property, text)?;
            }
            _ => pushed.is_exact = false,
        }
    }
    Ok(pushed)
}

impl Pushed {
    /// Narrows the time range; returns whether it is exact. Stored times are whole microseconds, so a
    /// finer bound is widened and the filter must be checked.
    fn within(&mut self, operator: Operator, time: DateTime<Utc>) -> bool {
        let us = time.timestamp_micros();
        let is_whole = time.timestamp_subsec_nanos().is_multiple_of(1_000);
        let next = us.saturating_add(1);
        let (from, before) = match operator {
            Operator::Eq => (us, next),
            Operator::Gt if is_whole => (next, i64::MAX),
            Operator::Gt | Operator::Ge => (us, i64::MAX),
            Operator::Lt if is_whole => (i64::MIN, us),
            Operator::Lt | Operator::Le => (i64::MIN, next),
            _ => return false,
        };
        self.from_us = self.from_us.max(from);
        self.before_us = self.before_us.min(before);
        is_whole
    }

    fn recorded(&mut self, change: impl FnOnce(&mut Index)) {
        if let Some(filter) = &mut self.wanted.recorded {
            change(filter);
        }
    }

    fn imported(&mut self, change: impl FnOnce(&mut Index)) {
        if let Some(filter) = &mut self.wanted.imported {
            change(filter);
        }
    }

    /// Selects only imported entries with a code; recorded operations have no codes.
    fn only_code(&mut self, kind: CodeKind, text: &str) {
        self.wanted.recorded = None;
        self.imported_code(kind, text);
    }

    /// Limits imported entries to those with a code, if that code is indexed.
    fn imported_code(&mut self, kind: CodeKind, text: &str) {
        let is_known = match kind {
            CodeKind::Error => said::error_code(text).is_some(),
            CodeKind::SkipReason => said::told(text).is_some(),
            _ => true,
        };
        if !is_known || text.is_empty() || text.len() > Imported::CODE_BYTES_MAX {
            self.is_exact = false;
            return;
        }
        let mut had_one = false;
        self.imported(|filter| {
            had_one = filter.code.replace((kind, text.to_owned())).is_some();
        });
        // A second code replaces the first, but the filter requires both.
        self.is_exact &= !had_one;
    }

    fn nothing(&mut self) {
        self.wanted = Wanted::default();
    }

    fn equal(
        &mut self,
        record: &Record<'_>,
        scope: Option<Application>,
        (property, key): (&str, Option<&str>),
        text: &str,
    ) -> Result<bool, Error> {
        let mut is_exact = true;
        let view = &record.view;
        match property {
            "id" => self.only(event_of(record, scope, text)?.into_iter().collect()),
            "changeId" => match event_of_id(record, text) {
                // An event id of this log is never a provider's change id.
                Some(seq) => self.only(BTreeSet::from([seq])),
                None => self.only_code(CodeKind::Change, text),
            },
            "cycleId" => self.only_code(CodeKind::Cycle, text),
            "jobId" | "tenantId" => {
                self.wanted.recorded = None;
                is_exact = false;
            }
            "provisioningAction" => match Action::from_name(text) {
                Some(action) => {
                    self.recorded(|filter| filter.action = Some(action));
                    self.imported(|filter| filter.action = Some(action));
                }
                // An unknown action of an imported entry is stored as `other`.
                None => {
                    self.wanted.recorded = None;
                    self.imported(|filter| filter.action = Some(Action::Other));
                    is_exact = false;
                }
            },
            "provisioningStatusInfo/status" => match Status::from_name(text) {
                Some(status) => {
                    self.recorded(|filter| filter.status = Some(status));
                    self.imported(|filter| filter.status = Some(status));
                }
                None => {
                    self.wanted.recorded = None;
                    self.imported(|filter| filter.status = Some(Status::Warning));
                    is_exact = false;
                }
            },
            "provisioningStatusInfo/errorInformation/errorCode" => {
                self.recorded(|filter| filter.status = Some(Status::Failure));
                self.imported_code(CodeKind::Error, text);
                is_exact = false;
            }
            "provisioningSteps/details"
                if key.is_some_and(|key| key.eq_ignore_ascii_case("SkipReason")) =>
            {
                self.only_code(CodeKind::SkipReason, text);
            }
            "servicePrincipal/displayName" => {
                let application = view.application(text)?.map(|row| row.number);
                let allowed = application.filter(|one| scope.is_none_or(|scope| scope == *one));
                match allowed {
                    Some(one) => self.recorded(|filter| filter.application = Some(one)),
                    None => self.wanted.recorded = None,
                }
                is_exact = false;
            }
            "targetIdentity/id" if !text.is_empty() => {
                let resources = resources(view, scope, text)?;
                if resources.is_empty() {
                    self.nothing();
                }
                self.recorded(|filter| filter.resources = Some(resources.clone()));
                self.imported(|filter| filter.resources = Some(resources));
                is_exact = false;
            }
            _ => is_exact = false,
        }
        Ok(is_exact)
    }

    fn only(&mut self, seqs: BTreeSet<Seq>) {
        self.only = Some(match self.only.take() {
            None => seqs,
            Some(before) => before.intersection(&seqs).copied().collect(),
        });
    }
}

/// The seq of an event id of this log.
fn event_of_id(record: &Record<'_>, text: &str) -> Option<Seq> {
    let (log, seq) = text.parse::<EventId>().ok()?.parts()?;
    (log == record.log() && seq < record.size).then_some(seq)
}

/// The events of an entry's id (a UUID in any case): the recorded event, or the imports of the entry with
/// that id.
pub(super) fn event_of(
    record: &Record<'_>,
    scope: Option<Application>,
    text: &str,
) -> Result<Vec<Seq>, ProjectorError> {
    let mut found: Vec<Seq> = event_of_id(record, text).into_iter().collect();
    let applications = match scope {
        Some(one) => vec![one],
        None => record.view.applications()?.into_iter().map(|row| row.number).collect(),
    };
    for application in applications {
        found.extend(record.view.entry(application, &entry_id(text))?);
    }
    Ok(found)
}

/// Every number that ever had a SCIM id.
fn resources(
    view: &View<'_>,
    scope: Option<Application>,
    id: &str,
) -> Result<BTreeSet<(Application, event::Number)>, ProjectorError> {
    let name = Name { attribute: Attribute::Id, value: id };
    let mut types = vec![ResourceType::USER, ResourceType::GROUP];
    types.extend(view.resource_types()?.into_iter().map(|(number, _)| number));
    let mut found = BTreeSet::new();
    for row in view.applications()? {
        if scope.is_some_and(|scope| scope != row.number) {
            continue;
        }
        for resource_type in &types {
            let numbers = name.ever(view, row.number, *resource_type)?;
            found.extend(numbers.into_iter().map(|number| (row.number, number)));
        }
    }
    Ok(found)
}
