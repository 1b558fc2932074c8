//! Questions about groups.

use clap::Subcommand;

use super::Plan;
use super::arguments::{App, Instant, Paging, Range, named, segment, with_query};
use crate::config::ClientConfig;
use crate::listing::List;
use crate::readable;
use crate::text::escaped;

#[derive(Subcommand, Debug)]
pub(crate) enum Groups {
    /// Which groups there were, and how many members each had
    #[command(name = "groups")]
    Every {
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        instant: Instant,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// What a group looked like
    Group {
        #[command(flatten)]
        app: App,
        /// SCIM id, displayName:NAME or externalId:ID; any other text is a display name
        group: String,
        #[command(flatten)]
        instant: Instant,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// What changed in a group from one instant to another
    Diff {
        #[command(flatten)]
        app: App,
        /// SCIM id, displayName:NAME or externalId:ID; any other text is a display name
        group: String,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// Every stay of a user in a group: from when until when
    Intervals {
        #[command(flatten)]
        app: App,
        /// The group, of all users when there is no --user: SCIM id, displayName:NAME or
        /// externalId:ID; any other text is a display name
        #[arg(long, required_unless_present = "user")]
        group: Option<String>,
        /// The user, in all groups when there is no --group: SCIM id, userName:NAME, externalId:ID or
        /// displayName:NAME; any other text is a user name
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        client: ClientConfig,
    },
}

impl Groups {
    pub(super) fn plan(self) -> Plan {
        match self {
            Groups::Every { app, instant, paging, client } => {
                let path = with_query(&app.under("groups"), instant.parameters());
                let list = List::new(path, &readable::GROUPS, "application", move |answer| {
                    format!("Groups of {} {}", escaped(&app.slug), readable::as_of(answer))
                });
                Plan::list(list, paging, client)
            }
            Groups::Group { app, group, instant, client } => {
                let path = app.under(&format!("groups/{}", segment(&group, "displayName")));
                let path = with_query(&path, instant.parameters());
                Plan::one(path, client, move |answer, columns| {
                    readable::resource("group", "displayName", &app.slug, &group, answer, columns)
                })
            }
            Groups::Diff { app, group, range, paging, client } => {
                let path = app.under(&format!("groups/{}/diff", segment(&group, "displayName")));
                let path = with_query(&path, range.parameters());
                let mut list = List::new(path, &readable::DIFF, "group", move |answer| {
                    let name = readable::group_name(answer, &group);
                    let (app, stretch) = (escaped(&app.slug), readable::stretch(answer));
                    let stands = readable::stands(answer);
                    format!("Changes of the members of {name} in {app}{stretch} {stands}")
                });
                let thing = list.thing;
                list.below = Box::new(move |rows, answer, columns| {
                    Ok(readable::below_diff(thing, rows, answer, columns))
                });
                Plan::list(list, paging, client)
            }
            Groups::Intervals { app, group, user, range, paging, client } => {
                let mut parameters = range.parameters();
                let (path, shape, thing) = match (&group, &user) {
                    (Some(group), user) => {
                        let user = user.as_ref().map(|user| named(user, "userName"));
                        parameters.push(("user", user));
                        (
                            format!("groups/{}", segment(group, "displayName")),
                            &readable::STAYS,
                            "group",
                        )
                    }
                    // clap sees to it that one of the two is there.
                    (None, user) => {
                        let user = segment(user.as_deref().unwrap_or_default(), "userName");
                        (format!("users/{user}"), &readable::STAYS_OF_USER, "user")
                    }
                };
                let path = with_query(&app.under(&format!("{path}/intervals")), parameters);
                let list = List::new(path, shape, thing, move |answer| {
                    let who = user.as_ref().map(|user| format!(" of user {}", escaped(user)));
                    let group = group.as_ref().map(|group| readable::group_name(answer, group));
                    let place =
                        group.map_or(" in the groups".to_owned(), |name| format!(" in {name}"));
                    let (app, stretch) = (escaped(&app.slug), readable::stretch(answer));
                    let (who, stands) = (who.unwrap_or_default(), readable::stands(answer));
                    format!("Stays{who}{place} of {app}{stretch} {stands}")
                });
                Plan::list(list, paging, client)
            }
        }
    }
}
