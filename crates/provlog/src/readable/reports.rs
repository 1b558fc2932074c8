//! The rows of reports, as tables.

use query::export::columns;
use serde_json::Value;

use super::operations::target;
use super::{Shape, list, name_of, since, time};
use crate::table::Column;
use crate::text::{count, shown};

/// More groups than these of one row are only counted.
const GROUPS_MAX: usize = 12;

/// Of `report leavers`.
pub(crate) const LEAVERS: Shape = Shape {
    columns: &[
        Column::text("Application"),
        Column::text("User name"),
        Column::whole("Left"),
        Column::whole("Disabled"),
        Column::whole("How"),
        Column::whole("In time"),
        Column::extra("Still in"),
        Column::number("Event"),
    ],
    application: Some(0),
    row: leaver,
    csv: columns::LEAVERS,
};

/// The cells of somebody who left: when, when the account was off, and whether that was in time.
fn leaver(row: &Value) -> Vec<String> {
    let how = match (&row["reactivatedAt"], &row["application"]) {
        (Value::String(_), _) => "active again".to_owned(),
        (_, Value::Null) => "no account".to_owned(),
        _ if row["disabledAt"].is_null() => "still active".to_owned(),
        _ => shown(&row["how"]),
    };
    let lag =
        row["lagSeconds"].as_u64().map(|seconds| format!(", {}", answers::table::span(seconds)));
    let in_time = match row["within"].as_bool() {
        Some(within) => {
            format!("{}{}", if within { "yes" } else { "no" }, lag.unwrap_or_default())
        }
        None => String::new(),
    };
    vec![
        shown(&row["application"]),
        name_of(row, &["userName", "subject"]),
        time(&row["terminatedAt"]),
        time(&row["disabledAt"]),
        how,
        in_time,
        super::several(list(&row["remainingGroups"]).iter(), GROUPS_MAX),
        shown(&row["disabledBySeq"]),
    ]
}

/// Of `report movers`.
pub(crate) const MOVERS: Shape = Shape {
    columns: &[
        Column::text("Application"),
        Column::text("User name"),
        Column::text("Before"),
        Column::text("After"),
        Column::whole("Changed"),
        Column::number("Event"),
        Column::text("Groups kept"),
    ],
    application: Some(0),
    row: mover,
    csv: columns::MOVERS,
};

fn mover(row: &Value) -> Vec<String> {
    let groups: Vec<&Value> = list(&row["heldGroups"])
        .iter()
        .map(
            |group| {
                if group["groupName"].is_null() { &group["groupId"] } else { &group["groupName"] }
            },
        )
        .collect();
    vec![
        shown(&row["application"]),
        shown(&row["userName"]),
        shown(&row["oldValue"]),
        shown(&row["newValue"]),
        time(&row["changedAt"]),
        shown(&row["changedSeq"]),
        super::several(groups.into_iter(), GROUPS_MAX),
    ]
}

/// Of `report reactivated`.
pub(crate) const REACTIVATED: Shape = Shape {
    columns: &[
        Column::text("Application"),
        Column::text("User name"),
        Column::extra("Display name"),
        Column::whole("Disabled"),
        Column::number("Event"),
        Column::whole("Active again"),
        Column::number("Event"),
    ],
    application: Some(0),
    row: reactivated,
    csv: columns::REACTIVATED,
};

fn reactivated(row: &Value) -> Vec<String> {
    vec![
        shown(&row["application"]),
        shown(&row["userName"]),
        shown(&row["displayName"]),
        time(&row["disabledAt"]),
        shown(&row["disabledSeq"]),
        time(&row["reactivatedAt"]),
        shown(&row["reactivatedSeq"]),
    ]
}

/// Of `report orphans`.
pub(crate) const ORPHANS: Shape = Shape {
    columns: &[
        Column::text("Application"),
        Column::text("User name"),
        Column::extra("Display name"),
        Column::text("External id"),
        Column::whole("Created"),
        Column::number("Event"),
        Column::whole("Id"),
    ],
    application: Some(0),
    row: orphan,
    csv: columns::ORPHANS,
};

fn orphan(row: &Value) -> Vec<String> {
    vec![
        shown(&row["application"]),
        shown(&row["userName"]),
        shown(&row["displayName"]),
        shown(&row["externalId"]),
        since(row, "createdAt"),
        shown(&row["createdSeq"]),
        shown(&row["userId"]),
    ]
}

/// Of `report overlap`, which is about one application.
pub(crate) const OVERLAP: Shape = Shape {
    columns: &[
        Column::text("Name"),
        Column::whole("From"),
        Column::number("Event"),
        Column::whole("To"),
        Column::number("Event"),
        Column::whole("Id"),
    ],
    application: None,
    row: overlap,
    csv: columns::OVERLAP,
};

fn overlap(row: &Value) -> Vec<String> {
    vec![
        name_of(row, &["userName", "displayName"]),
        time(&row["start"]),
        shown(&row["startSeq"]),
        if row["end"].is_null() { "lasts".to_owned() } else { time(&row["end"]) },
        shown(&row["endSeq"]),
        shown(&row["userId"]),
    ]
}

/// Of `report failing`.
pub(crate) const FAILING: Shape = Shape {
    columns: &[
        Column::text("Application"),
        Column::text("Target"),
        Column::whole("Failed"),
        Column::whole("Operation"),
        Column::number("HTTP"),
        Column::number("Failures"),
        Column::text("Reason"),
        Column::number("Event"),
    ],
    application: Some(0),
    row: failing,
    csv: columns::FAILING,
};

fn failing(row: &Value) -> Vec<String> {
    let mut reason = name_of(row, &["reason", "scimType"]);
    let holder = name_of(row, &["holderName", "holderId"]);
    if !holder.is_empty() {
        reason.push_str(&format!("; the name belongs to {holder}"));
    }
    let target = match target(row) {
        name if name.is_empty() => name_of(row, &["externalId", "userId"]),
        name => name,
    };
    vec![
        shown(&row["application"]),
        target,
        time(&row["failedAt"]),
        shown(&row["operation"]),
        shown(&row["httpStatus"]),
        row["failures"].as_u64().map(count).unwrap_or_default(),
        reason,
        shown(&row["failedSeq"]),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::sample::{GROUP_ID, USER_ID, check, check_question, fits, question_fits};
    use super::*;
    use serde_json::json;

    /// A row with the columns that each has who is a user.
    fn user(rest: Value) -> Value {
        let mut row = json!({"application": "paperboat", "userId": USER_ID,
                             "userName": "mira.lund", "externalId": "26",
                             "displayName": "Mira Lund", "memberType": "User"});
        let members = row.as_object_mut().unwrap();
        members.extend(rest.as_object().unwrap().clone());
        row
    }

    const JOINED: &str = "2026-01-12T08:00:04.5Z";
    const LEFT: &str = "2026-02-03T14:21:40.5Z";

    #[test]
    fn joiners_say_what_became_of_them() {
        let row = |active: Value, known: bool| {
            user(
                json!({"active": active, "createdAt": JOINED, "createdSeq": 311, "startKnown": known}),
            )
        };
        let rows = [row(json!(true), true), row(json!(false), false), row(json!(null), true)];
        check_question::<answers::Joiners>(
            &[],
            &rows,
            &format!(
                "\
Application  User name  Display name  Account   Created                  Event  Id
paperboat    mira.lund  Mira Lund     active    2026-01-12T08:00:04Z       311  {USER_ID}
paperboat    mira.lund  Mira Lund     inactive  by 2026-01-12T08:00:04Z    311  {USER_ID}
paperboat    mira.lund  Mira Lund     gone      2026-01-12T08:00:04Z       311  {USER_ID}
"
            ),
        );
        question_fits::<answers::Joiners>(&[], row(json!(true), true));
    }

    #[test]
    fn leavers_say_whether_their_accounts_were_off_in_time() {
        let row = |disabled: Value, how: Value, lag: Value, within: Value| {
            user(json!({"subject": "26", "terminatedAt": JOINED, "disabledAt": disabled,
                        "disabledBySeq": 977, "how": how, "lagSeconds": lag,
                        "limitSeconds": 86_400, "within": within, "reactivatedAt": null,
                        "remainingGroups": ["Crew", "Deck"], "coverage": "complete"}))
        };
        let late = row(json!(LEFT), json!("deactivated"), json!(1_923_696), json!(false));
        let mut again = row(json!(LEFT), json!("deactivated"), json!(60), json!(true));
        again["reactivatedAt"] = json!("2026-03-01T08:00:00Z");
        let none = json!({"application": null, "subject": "ole.brandt", "userName": null,
                          "terminatedAt": JOINED, "disabledAt": null, "within": null,
                          "remainingGroups": []});
        let rows = [
            late.clone(),
            row(json!(LEFT), json!("deleted"), json!(0), json!(true)),
            row(json!(null), json!(null), json!(null), json!(false)),
            again,
            none,
        ];
        check(&LEAVERS, &rows, "\
Application  User name   Left                  Disabled              How           In time     Still in    Event
paperboat    mira.lund   2026-01-12T08:00:04Z  2026-02-03T14:21:40Z  deactivated   no, 22d 6h  Crew, Deck    977
paperboat    mira.lund   2026-01-12T08:00:04Z  2026-02-03T14:21:40Z  deleted       yes, 0s     Crew, Deck    977
paperboat    mira.lund   2026-01-12T08:00:04Z                        still active  no          Crew, Deck    977
paperboat    mira.lund   2026-01-12T08:00:04Z  2026-02-03T14:21:40Z  active again  yes, 1m     Crew, Deck    977
             ole.brandt  2026-01-12T08:00:04Z                        no account
");
        fits(&LEAVERS, late);
    }

    #[test]
    fn movers_say_which_groups_they_kept() {
        let held = json!([
            {"groupId": GROUP_ID, "groupName": "Galley", "memberSince": JOINED},
            {"groupId": GROUP_ID, "groupName": null, "memberSince": JOINED},
        ]);
        let row = user(json!({"path": "department", "oldValue": "Galley", "newValue": "Bridge",
                              "changedAt": LEFT, "changedSeq": 977, "heldGroups": held}));
        check(
            &MOVERS,
            std::slice::from_ref(&row),
            &format!(
                "\
Application  User name  Before  After   Changed               Event  Groups kept
paperboat    mira.lund  Galley  Bridge  2026-02-03T14:21:40Z    977  Galley, {GROUP_ID}
"
            ),
        );
        fits(
            &MOVERS,
            user(json!({"oldValue": "a department with a long name",
            "newValue": "another department with a long name", "changedAt": LEFT,
            "changedSeq": 977, "heldGroups": []})),
        );
    }

    #[test]
    fn accounts_that_are_back_say_when_they_were_off() {
        let row = user(json!({"kind": "reactivated", "disabledAt": JOINED, "disabledSeq": 311,
                              "reactivatedAt": LEFT, "reactivatedSeq": 977}));
        check(
            &REACTIVATED,
            std::slice::from_ref(&row),
            "\
Application  User name  Display name  Disabled              Event  Active again          Event
paperboat    mira.lund  Mira Lund     2026-01-12T08:00:04Z    311  2026-02-03T14:21:40Z    977
",
        );
        fits(&REACTIVATED, row);
    }

    #[test]
    fn orphans_and_members_of_several_groups_keep_their_ids() {
        let orphan = user(json!({"createdAt": JOINED, "createdSeq": 311}));
        check(
            &ORPHANS,
            std::slice::from_ref(&orphan),
            &format!(
                "\
Application  User name  Display name  External id  Created               Event  Id
paperboat    mira.lund  Mira Lund     26           2026-01-12T08:00:04Z    311  {USER_ID}
"
            ),
        );
        fits(&ORPHANS, orphan);
        let row = |end: Value, seq: Value| {
            user(json!({"start": JOINED, "startSeq": 311, "end": end, "endSeq": seq}))
        };
        let rows = [row(json!(LEFT), json!(977)), row(json!(null), json!(null))];
        check(
            &OVERLAP,
            &rows,
            &format!(
                "\
Name       From                  Event  To                    Event  Id
mira.lund  2026-01-12T08:00:04Z    311  2026-02-03T14:21:40Z    977  {USER_ID}
mira.lund  2026-01-12T08:00:04Z    311  lasts                        {USER_ID}
"
            ),
        );
        fits(&OVERLAP, row(json!(LEFT), json!(977)));
    }

    #[test]
    fn those_who_fail_say_why_and_how_often() {
        let row = user(json!({"resourceType": "User", "failedAt": LEFT, "failedSeq": 977,
                              "operation": "POST User", "httpStatus": 409,
                              "scimType": "uniqueness", "reason": "the user name is taken",
                              "holderId": null, "holderName": null, "failures": 1200}));
        check(&FAILING, std::slice::from_ref(&row), "\
Application  Target     Failed                Operation  HTTP  Failures  Reason                  Event
paperboat    mira.lund  2026-02-03T14:21:40Z  POST User   409     1,200  the user name is taken    977
");
        fits(&FAILING, row.clone());
        let mut clash = row.clone();
        clash["holderName"] = json!("ole.berg");
        assert_eq!(failing(&clash)[6], "the user name is taken; the name belongs to ole.berg");
        let mut untold = row;
        for name in ["userName", "displayName", "reason"] {
            untold[name] = json!(null);
        }
        let cells = failing(&untold);
        assert_eq!([&cells[1], &cells[6]], ["26", "uniqueness"]);
    }
}
