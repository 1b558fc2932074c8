//! Reads members of an imported entry, in Microsoft Graph's words. Facts that can be in several places
//! are found by `entra_log::said`, which also read them at import.

use answers::row;
use entra_log::said::{self, Seen};
use serde_json::{Map, Value};

use crate::change::{change_row, op};

/// A stored entry. It has Graph's spelling, whatever form was imported.
pub(crate) struct Entry(Map<String, Value>);

impl Entry {
    pub(crate) fn of(body: Map<String, Value>) -> Entry {
        Entry(body)
    }

    pub(crate) fn into_json(self) -> Map<String, Value> {
        self.0
    }

    fn text(&self, path: &[&str]) -> Option<&str> {
        let (first, rest) = path.split_first()?;
        let mut value = self.0.get(*first)?;
        for name in rest {
            value = value.get(*name)?;
        }
        value.as_str().filter(|text| !text.is_empty())
    }

    pub(crate) fn target_id(&self) -> Option<&str> {
        said::target_id(&self.0)
    }

    /// The account that the source found in the application before it acted.
    pub(crate) fn seen(&self) -> Option<Seen<'_>> {
        said::seen(&self.0)
    }

    /// The parts that could not be read, as flags.
    pub(crate) fn flags(&self) -> Vec<row::Flag> {
        let flag = |path: &str| row::Flag { kind: "irregular".to_owned(), path: path.to_owned() };
        said::irregular(&self.0).map(flag).collect()
    }

    pub(crate) fn error_code(&self) -> Option<&str> {
        self.text(&["provisioningStatusInfo", "errorInformation", "errorCode"])
    }

    pub(crate) fn error_category(&self) -> Option<&str> {
        self.text(&["provisioningStatusInfo", "errorInformation", "errorCategory"])
    }

    pub(crate) fn tenant_id(&self) -> Option<&str> {
        self.text(&["tenantId"])
    }

    /// The id and name of the initiator at the provider: a service, or in an audit log a person.
    pub(crate) fn initiator(&self) -> (Option<&str>, Option<&str>) {
        let first = |paths: &[&[&str]]| {
            paths.iter().find_map(|path| self.text(&[&["initiatedBy"], *path].concat()))
        };
        let ids: [&[&str]; 4] =
            [&["id"], &["user", "id"], &["app", "servicePrincipalId"], &["app", "appId"]];
        let names: [&[&str]; 4] = [
            &["displayName"],
            &["user", "displayName"],
            &["user", "userPrincipalName"],
            &["app", "displayName"],
        ];
        (first(&ids), first(&names))
    }

    pub(crate) fn user_name(&self) -> Option<&str> {
        said::user_name(&self.0)
    }

    pub(crate) fn display_name(&self) -> Option<&str> {
        said::source_name(&self.0).or_else(|| self.text(&["activityDisplayName"]))
    }

    /// The activity's name in an audit log.
    pub(crate) fn activity(&self) -> Option<&str> {
        self.text(&["activityDisplayName"])
    }

    /// A value of an audit log's additional details.
    pub(crate) fn audit_detail(&self, key: &str) -> Option<&str> {
        self.list("additionalDetails").find_map(|detail| {
            let is_key = detail.get("key")?.as_str()?.eq_ignore_ascii_case(key);
            detail.get("value")?.as_str().filter(|text| is_key && !text.is_empty())
        })
    }

    pub(crate) fn duration_ms(&self) -> Option<u64> {
        self.0.get("durationInMilliseconds").and_then(Value::as_u64)
    }

    /// Why it failed or was skipped, in the source's words.
    pub(crate) fn reason(&self) -> Option<&str> {
        let error = ["provisioningStatusInfo", "errorInformation", "reason"];
        let skip = || self.skip_step().and_then(|step| step.get("description")?.as_str());
        self.text(&error).or_else(|| self.text(&["resultReason"])).or_else(skip)
    }

    fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.0.get(name).and_then(Value::as_array).into_iter().flatten()
    }

    /// The steps with a name, in order.
    pub(crate) fn steps_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        let named = move |step: &&Value| step.get("name").and_then(Value::as_str) == Some(name);
        self.list("provisioningSteps").filter(named)
    }

    /// The step that says why nothing was written.
    pub(crate) fn skip_step(&self) -> Option<&Value> {
        self.steps_named("EntrySynchronizationSkip").next()
    }

    /// The scope checks: their names in the entry, and their results.
    pub(crate) fn scope_checks(&self) -> Vec<(String, bool)> {
        let skip = self.skip_step();
        let steps = self.steps_named("EntrySynchronizationScoping").chain(skip);
        let mut checks: Vec<(String, bool)> = vec![];
        for (name, value) in steps.filter_map(|step| step.get("details")?.as_object()).flatten() {
            let Some(text) = value.as_str() else { continue };
            if name == "ScopeEvaluationResult" {
                let filters: Option<Map<String, Value>> = serde_json::from_str(text).ok();
                for (filter, result) in filters.into_iter().flatten() {
                    if let Some(result) = result.as_bool()
                        && !checks.iter().any(|(known, _)| *known == filter)
                    {
                        checks.push((filter, result));
                    }
                }
                continue;
            }
            let Some(result) = truth(text) else { continue };
            if !checks.iter().any(|(known, _)| known == name) {
                checks.push((name.clone(), result));
            }
        }
        checks
    }

    /// The result of a scope check, whose name varies between logs of different years.
    pub(crate) fn check(&self, spellings: &[&str]) -> Option<bool> {
        let checks = self.scope_checks();
        let is_named = |name: &str| spellings.iter().any(|one| one.eq_ignore_ascii_case(name));
        checks.iter().find(|(name, _)| is_named(name)).map(|(_, result)| *result)
    }

    /// A value from the details of any step.
    pub(crate) fn detail(&self, name: &str) -> Option<&str> {
        let mut steps = self.list("provisioningSteps");
        steps.find_map(|step| step.get("details")?.get(name)?.as_str())
    }

    pub(crate) fn modified(&self) -> impl Iterator<Item = (&str, Option<&str>, Option<&str>)> {
        self.list("modifiedProperties").filter_map(modification)
    }

    /// The modified properties in either log; an audit entry lists them for each target.
    fn shown_modified(&self) -> impl Iterator<Item = (&str, Option<&str>, Option<&str>)> {
        let targets = self.list("targetResources");
        let of_targets = targets.filter_map(|target| target.get("modifiedProperties")?.as_array());
        self.modified().chain(of_targets.flatten().filter_map(modification))
    }

    pub(crate) fn modified_paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.shown_modified().map(|(path, ..)| path).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// The modified properties as rows of changes.
    pub(crate) fn changes(&self) -> Vec<row::Change> {
        let rows = self
            .shown_modified()
            .map(|(path, old, new)| change_row(path, op(old, new), old.into(), new.into()));
        rows.collect()
    }

    /// The steps as rows.
    pub(crate) fn steps(&self) -> Vec<row::Step> {
        let rows = self.list("provisioningSteps").zip(1_u32..).map(|(step, step_no)| {
            let text = |name: &str| step[name].as_str().map(str::to_owned);
            row::Step {
                step_no,
                kind: text("provisioningStepType"),
                name: text("name"),
                status: text("status"),
                description: text("description"),
                details: step["details"].clone(),
            }
        });
        rows.collect()
    }
}

/// The path of a modified property, and its value before and after.
fn modification(one: &Value) -> Option<(&str, Option<&str>, Option<&str>)> {
    let text = |name: &str| one.get(name).and_then(Value::as_str);
    Some((text("displayName")?, text("oldValue"), text("newValue")))
}

/// `True` or `False`, as sources write them.
pub(crate) fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
