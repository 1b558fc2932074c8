//! Which role a claim gives.

use std::str::FromStr;

use event::Role;

/// Longer maps are refused.
const ENTRIES_MAX: usize = 100;

/// The role that a claim gives, and the slug of the application if it is limited to one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// What it allows.
    pub role: Role,
    /// The only application that it shows.
    pub application: Option<String>,
}

/// Which value of the claim gives which role. Without a value that is named here nobody is let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoleMap(Vec<(String, Given)>);

impl RoleMap {
    /// The role of somebody with these values. The first entry of the map that fits counts.
    #[must_use]
    pub fn role(&self, values: &[String]) -> Option<&Given> {
        self.0.iter().find(|(value, _)| values.contains(value)).map(|(_, given)| given)
    }
}

/// `VALUE=ROLE` or `VALUE=app-auditor:APPLICATION`, separated by commas.
impl FromStr for RoleMap {
    type Err = String;

    fn from_str(text: &str) -> Result<RoleMap, String> {
        let entries = text.split(',').map(entry).collect::<Result<Vec<_>, _>>()?;
        if entries.len() > ENTRIES_MAX {
            return Err(format!("it has more than {ENTRIES_MAX} entries"));
        }
        for (index, (value, _)) in entries.iter().enumerate() {
            if entries[..index].iter().any(|(earlier, _)| earlier == value) {
                return Err(format!("{value} is named twice"));
            }
        }
        Ok(RoleMap(entries))
    }
}

fn entry(text: &str) -> Result<(String, Given), String> {
    let form = || {
        format!(
            "{text:?} is not of the form VALUE=admin, VALUE=auditor or \
             VALUE=app-auditor:APPLICATION"
        )
    };
    // A value may hold the sign, a role may not.
    let (value, given) = text.trim().rsplit_once('=').ok_or_else(form)?;
    let (role, application) = match given.split_once(':') {
        Some((role, application)) => (role, Some(application)),
        None => (given, None),
    };
    let role = Role::of_name(role).ok_or_else(form)?;
    let fits = match role {
        Role::Admin | Role::Auditor => application.is_none(),
        Role::AppAuditor => application.is_some_and(|slug| !slug.is_empty()),
        // A provider provisions with a token.
        Role::Scim => false,
    };
    if value.is_empty() || !fits {
        return Err(form());
    }
    Ok((value.to_owned(), Given { role, application: application.map(str::to_owned) }))
}
