//! Tests of the tables of reports.

use answers::{Failing, Joiners, Leavers, Movers, Orphans, Overlap, Reactivated};
use serde_json::{Value, json};

use super::sample::{GROUP_ID, USER_ID, check_question, question_fits};

/// A row with the columns that identify a user.
fn user(rest: Value) -> Value {
    let mut row = json!({"application": "paperboat", "userId": USER_ID,
                         "userName": "mira.lund", "externalId": "26", "displayName": "Mira Lund"});
    let members = row.as_object_mut().unwrap();
    members.extend(rest.as_object().unwrap().clone());
    row
}

const JOINED: &str = "2026-01-12T08:00:04.500000Z";
const LEFT: &str = "2026-02-03T14:21:40.500000Z";

#[test]
fn joiners_say_what_became_of_them() {
    let row = |active: Value, known: bool| {
        user(json!({"active": active, "createdAt": JOINED, "createdSeq": 311, "startKnown": known}))
    };
    let rows = [row(json!(true), true), row(json!(false), false), row(json!(null), true)];
    check_question::<Joiners>(
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
    question_fits::<Joiners>(&[], row(json!(true), true));
}

#[test]
fn leavers_say_whether_their_accounts_were_off_in_time() {
    let row = |disabled: Value, how: Value, lag: Value, within: Value| {
        user(json!({"subject": "26", "terminatedAt": JOINED, "disabledAt": disabled,
                    "disabledBySeq": 977, "how": how, "lagSeconds": lag,
                    "limitSeconds": 86_400, "within": within, "reactivatedAt": null,
                    "reactivatedSeq": null, "remainingGroups": ["Crew", "Deck"],
                    "privilegedGroups": ["Deck"],
                    "coverage": "complete"}))
    };
    let late = row(json!(LEFT), json!("deactivated"), json!(1_923_696), json!(false));
    let mut again = row(json!(LEFT), json!("deactivated"), json!(60), json!(true));
    again["reactivatedAt"] = json!("2026-03-01T08:00:00.000000Z");
    again["reactivatedSeq"] = json!(1842);
    let mut open = row(json!(null), json!(null), json!(null), json!(false));
    open["disabledBySeq"] = json!(null);
    open["coverage"] = json!("partial");
    let mut early = open.clone();
    early["within"] = json!(null);
    let none = json!({"application": null, "userId": null, "userName": null, "externalId": null,
                      "displayName": null, "subject": "ole.brandt", "terminatedAt": JOINED,
                      "disabledAt": null, "disabledBySeq": null, "how": null, "lagSeconds": null,
                      "limitSeconds": 86_400, "within": true, "remainingGroups": [], "privilegedGroups": [],
                      "reactivatedAt": null, "reactivatedSeq": null, "coverage": "complete"});
    let rows = [
        late.clone(),
        row(json!(LEFT), json!("deleted"), json!(0), json!(true)),
        open,
        early,
        again,
        none,
    ];
    check_question::<Leavers>(&[], &rows, "\
Application  User name   Display name  Left                  Disabled              How           In time     Still in                 Active again                       Event
paperboat    mira.lund   Mira Lund     2026-01-12T08:00:04Z  2026-02-03T14:21:40Z  deactivated   no, 22d 6h  Deck (privileged), Crew                                       977
paperboat    mira.lund   Mira Lund     2026-01-12T08:00:04Z  2026-02-03T14:21:40Z  deleted       yes, 0s     Deck (privileged), Crew                                       977
paperboat    mira.lund   Mira Lund     2026-01-12T08:00:04Z                        still active  no (gaps)   Deck (privileged), Crew
paperboat    mira.lund   Mira Lund     2026-01-12T08:00:04Z                        still active  (gaps)      Deck (privileged), Crew
paperboat    mira.lund   Mira Lund     2026-01-12T08:00:04Z  2026-02-03T14:21:40Z  active again  yes, 1m     Deck (privileged), Crew  2026-03-01T08:00:00Z (event 1842)    977
             ole.brandt                2026-01-12T08:00:04Z                        no account    yes
");
    question_fits::<Leavers>(&[], late);
}

#[test]
fn movers_say_what_changed_and_which_groups_they_kept() {
    let held = json!([
        {"groupId": GROUP_ID, "groupName": "Galley", "memberSince": JOINED, "privileged": true},
        {"groupId": GROUP_ID, "groupName": null, "memberSince": JOINED, "privileged": false},
    ]);
    let row = user(json!({"path": "department", "oldValue": "Galley", "newValue": "Bridge",
                          "changedAt": LEFT, "changedSeq": 977, "heldGroups": held}));
    check_question::<Movers>(
        &[],
        std::slice::from_ref(&row),
        &format!(
            "\
Application  User name  Display name  Attribute   Before  After   Changed               Event  Groups kept
paperboat    mira.lund  Mira Lund     department  Galley  Bridge  2026-02-03T14:21:40Z    977  Galley (privileged), {GROUP_ID}
"
        ),
    );
    let mut long = row;
    long["oldValue"] = json!("a department with a long name");
    long["newValue"] = json!("another department with a long name");
    long["heldGroups"] = json!([]);
    question_fits::<Movers>(&[], long);
}

#[test]
fn accounts_that_are_back_say_when_they_were_off() {
    let row = user(json!({"kind": "reactivated", "disabledAt": JOINED, "disabledSeq": 311,
                          "reactivatedAt": LEFT, "reactivatedSeq": 977}));
    check_question::<Reactivated>(
        &[],
        std::slice::from_ref(&row),
        "\
Application  User name  Display name  Disabled              Event  Active again          Event
paperboat    mira.lund  Mira Lund     2026-01-12T08:00:04Z    311  2026-02-03T14:21:40Z    977
",
    );
    question_fits::<Reactivated>(&[], row);
}

#[test]
fn orphans_and_members_of_several_groups_keep_their_ids() {
    let orphan =
        |known: bool| user(json!({"createdAt": JOINED, "createdSeq": 311, "startKnown": known}));
    let list = [("list", "staff")];
    check_question::<Orphans>(
        &list,
        &[orphan(true), orphan(false)],
        &format!(
            "\
Application  User name  Display name  External id  Created                  Event  Id
paperboat    mira.lund  Mira Lund     26           2026-01-12T08:00:04Z       311  {USER_ID}
paperboat    mira.lund  Mira Lund     26           by 2026-01-12T08:00:04Z    311  {USER_ID}
"
        ),
    );
    question_fits::<Orphans>(&list, orphan(false));
    let row = |end: Value, seq: Value, known: bool| {
        user(json!({"memberType": "User", "start": JOINED, "startSeq": 311, "end": end,
                    "endSeq": seq, "startKnown": known}))
    };
    let rows = [row(json!(LEFT), json!(977), true), row(json!(null), json!(null), false)];
    let groups = [("groups", "Crew,Deck"), ("app", "paperboat")];
    check_question::<Overlap>(
        &groups,
        &rows,
        &format!(
            "\
Name       From                     Event  To                    Event  Id
mira.lund  2026-01-12T08:00:04Z       311  2026-02-03T14:21:40Z    977  {USER_ID}
mira.lund  by 2026-01-12T08:00:04Z    311  lasts                        {USER_ID}
"
        ),
    );
    question_fits::<Overlap>(&groups, row(json!(LEFT), json!(977), false));
}

#[test]
fn those_who_fail_say_why_and_how_often() {
    let row = user(json!({"resourceType": "User", "failedAt": LEFT, "failedSeq": 977,
                          "operation": "POST User", "httpStatus": 409,
                          "scimType": "uniqueness", "reason": "the user name is taken",
                          "holderId": null, "holderName": null, "failures": 1200}));
    let mut clash = row.clone();
    clash["holderName"] = json!("ole.berg");
    let mut untold = row.clone();
    for name in ["userName", "displayName", "reason"] {
        untold[name] = json!(null);
    }
    check_question::<Failing>(&[], &[row.clone(), clash, untold], "\
Application  Target     Failed                Operation  HTTP  Failures  Reason                                                Event
paperboat    mira.lund  2026-02-03T14:21:40Z  POST User   409     1,200  the user name is taken                                  977
paperboat    mira.lund  2026-02-03T14:21:40Z  POST User   409     1,200  the user name is taken; the name belongs to ole.berg    977
paperboat    26         2026-02-03T14:21:40Z  POST User   409     1,200  uniqueness                                              977
");
    question_fits::<Failing>(&[], row);
}
