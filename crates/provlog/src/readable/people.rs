//! Tests of the tables of users, groups, members, and times of membership.

use super::sample::{self, GROUP_ID, USER_ID, check_question, question_fits, same};
use super::{Answer, below_of};
use serde_json::{Value, json};

#[test]
fn members_that_are_no_accounts_say_what_they_are() {
    let table = answers::described::<answers::Members>().unwrap();
    let table = table.table(&[("app", "a"), ("group", "crew")]).unwrap();
    let account = |active: Value, kind: Value, dangling: bool| {
        let row = json!({"userId": USER_ID, "memberType": kind, "direct": true, "startKnown": true,
                             "memberSince": "2026-01-12T08:00:04.5Z", "addedBySeq": 311,
                             "accountActive": active, "dangling": dangling});
        table.cells(row).unwrap()[2].text.clone()
    };
    assert_eq!(account(json!(false), json!("User"), false), "inactive");
    assert_eq!(account(json!(null), json!("Group"), false), "group");
    assert_eq!(account(json!(null), json!("User"), false), "none");
    assert_eq!(account(json!(null), json!(null), true), "unknown");
}

#[test]
fn groups_say_how_many_members_they_have() {
    let row = |count: Value, known: bool| {
        json!({"groupId": GROUP_ID, "displayName": "Crew", "externalId": null,
                   "memberCount": count, "createdAt": "2026-01-12T08:00:04.5Z", "createdSeq": 311,
                   "startKnown": known, "privileged": !known})
    };
    check_question::<answers::EveryGroup>(
        &[("app", "a")],
        &[row(json!(33_012), true), row(json!(null), false)],
        &format!(
            "\
Name               Members  Created                  Event  Id
Crew                33,012  2026-01-12T08:00:04Z       311  {GROUP_ID}
Crew (privileged)           by 2026-01-12T08:00:04Z    311  {GROUP_ID}
"
        ),
    );
    question_fits::<answers::EveryGroup>(&[("app", "a")], row(json!(33_012), true));
}

#[test]
fn indirect_members_say_through_how_many_groups() {
    let row = |direct: bool, via: Value| {
        json!({"userId": USER_ID, "memberType": "User", "userName": "mira.lund",
                   "displayName": "Mira Lund", "direct": direct, "via": via,
                   "memberSince": "2026-01-12T08:00:04.5Z", "addedBySeq": 311,
                   "startKnown": true, "accountActive": true, "dangling": false})
    };
    let group = json!({"userId": GROUP_ID, "memberType": "Group", "userName": null,
                           "displayName": "Crew", "direct": true, "via": null,
                           "memberSince": "2026-01-12T08:00:04.5Z", "addedBySeq": 12,
                           "startKnown": false, "accountActive": null, "dangling": false});
    let rows = [row(true, json!(null)), row(false, json!([GROUP_ID])), group];
    let nested = [("app", "a"), ("group", "crew"), ("nested", "true")];
    check_question::<answers::Members>(
        &nested,
        &rows,
        &format!(
            "\
Name       Account  Member       Since                    Event  Id
mira.lund  active   direct       2026-01-12T08:00:04Z       311  {USER_ID}
mira.lund  active   via 1 group  2026-01-12T08:00:04Z       311  {USER_ID}
Crew       group    direct       by 2026-01-12T08:00:04Z     12  {GROUP_ID}
"
        ),
    );
    let ids: Vec<&str> = vec![GROUP_ID; 9];
    question_fits::<answers::Members>(&nested, row(false, json!(ids)));
}

#[test]
fn a_diff_tells_what_came_and_went_and_what_the_group_was() {
    let row = json!({"change": "returned", "userId": USER_ID, "userName": "mira.lund",
                         "displayName": "Mira Lund", "externalId": null, "memberType": "User",
                         "joinedAt": "2026-01-12T08:00:04.5Z", "joinedSeq": 311,
                         "leftAt": "2026-01-11T08:00:04.5Z", "leftSeq": 290});
    let asked = [("app", "a"), ("group", "crew")];
    check_question::<answers::Diff>(
        &asked,
        std::slice::from_ref(&row),
        &format!(
            "\
Change    Name       Joined                Event  Left                  Event  Id
returned  mira.lund  2026-01-12T08:00:04Z    311  2026-01-11T08:00:04Z    290  {USER_ID}
"
        ),
    );
    question_fits::<answers::Diff>(&asked, row);

    let described = answers::described::<answers::Diff>().unwrap();
    let table = described.table(&asked).unwrap();
    let told = |answer: &Value| {
        let members = sample::answer(answer.clone());
        let below = table.below(&members, 0).unwrap();
        below_of("group", below, 0, &Answer::of(&members).unwrap(), None)
    };
    let mut answer = json!({"rowCount": 0, "coverage": {"state": "complete", "gaps": []},
                                "groupId": GROUP_ID, "groupName": "Crew",
                                "attributes": [], "existedBefore": true, "existsAfter": true});
    assert_eq!(told(&answer), "0 rows\n");
    answer["attributes"] = json!([
        {"path": "displayName", "op": "replace", "oldValue": "Crew", "newValue": "Deck crew"},
        {"path": "externalId", "op": "add", "oldValue": null, "newValue": "26"},
    ]);
    answer["existedBefore"] = false.into();
    same(
        &told(&answer),
        "\
Attribute    Before  After
displayName  Crew    Deck crew
externalId           26

The group was not there before; it is at the end.
0 rows
",
    );
    answer["attributes"] = json!([]);
    answer["existsAfter"] = false.into();
    let gone = "The group was there neither before nor at the end.\n0 rows\n";
    assert_eq!(told(&answer), gone);
}

#[test]
fn a_stay_says_when_and_how_it_ended() {
    let row = |end: Value, reason: Value| {
        json!({"groupId": GROUP_ID, "groupName": "Crew", "userId": USER_ID,
                   "userName": "mira.lund", "externalId": null, "displayName": "Mira Lund",
                   "memberType": "User",
                   "start": "2026-01-12T08:00:04.5Z", "startSeq": 311, "startKnown": true,
                   "end": end, "endSeq": if reason.is_null() { json!(null) } else { json!(977) },
                   "endReason": reason, "privileged": true})
    };
    let end = json!("2026-02-03T14:21:40.1Z");
    let mut group = row(json!(null), json!(null));
    (group["userName"], group["startKnown"]) = (json!(null), json!(false));
    (group["displayName"], group["memberType"]) = (json!("Deck"), json!("Group"));
    let rows = [
        row(end.clone(), json!("removed")),
        row(end.clone(), json!("groupDeleted")),
        row(end.clone(), json!("userDeleted")),
        group,
    ];
    let of_group = [("app", "a"), ("group", "crew")];
    check_question::<answers::StaysInGroup>(
        &of_group,
        &rows,
        &format!(
            "\
Name       From                     Event  To                    Event  End         Id
mira.lund  2026-01-12T08:00:04Z       311  2026-02-03T14:21:40Z    977  removed     {USER_ID}
mira.lund  2026-01-12T08:00:04Z       311  2026-02-03T14:21:40Z    977  group gone  {USER_ID}
mira.lund  2026-01-12T08:00:04Z       311  2026-02-03T14:21:40Z    977  user gone   {USER_ID}
Deck       by 2026-01-12T08:00:04Z    311                               lasts       {USER_ID}
"
        ),
    );
    check_question::<answers::StaysOfUser>(
        &[("app", "a"), ("user", "mira.lund")],
        &[row(json!(null), json!(null))],
        &format!(
            "\
Group              From                  Event  To  Event  End    Id
Crew (privileged)  2026-01-12T08:00:04Z    311             lasts  {GROUP_ID}
"
        ),
    );
    let mut widest = row(end, json!("groupDeleted"));
    widest["startKnown"] = json!(false);
    question_fits::<answers::StaysInGroup>(&of_group, widest);
}

#[test]
fn blame_names_the_operation_behind_each_value() {
    let row = |path: &str, value: Value, removed: bool, old: Value| {
        json!({"path": path, "value": value, "removed": removed,
                   "setAt": "2026-01-12T08:00:04.5Z", "setSeq": 311, "eventId": USER_ID,
                   "actorId": "3", "actorType": "token", "sourceIp": "192.0.2.14", "operation": "PATCH User",
                   "requestId": USER_ID, "oldValue": old})
    };
    let rows = [
        row("title", json!("Boatswain"), false, json!("Cook")),
        row("nickName", json!(null), true, json!("Mi")),
        row("active", json!(true), false, json!(null)),
        row("groups", json!({"groupId": GROUP_ID, "groupName": "Crew"}), false, json!(null)),
        row("groups", json!({"groupId": GROUP_ID, "groupName": null}), false, json!(null)),
    ];
    let asked = [("app", "a"), ("user", "mira")];
    check_question::<answers::BlameOfUser>(&asked, &rows, "\
Path      Value                                 Value before  Set                   Operation   Token  From        Event
title     Boatswain                             Cook          2026-01-12T08:00:04Z  PATCH User  3      192.0.2.14    311
nickName  (removed)                             Mi            2026-01-12T08:00:04Z  PATCH User  3      192.0.2.14    311
active    true                                                2026-01-12T08:00:04Z  PATCH User  3      192.0.2.14    311
groups    Crew                                                2026-01-12T08:00:04Z  PATCH User  3      192.0.2.14    311
groups    70b6ea2e-1c45-4c9e-9d2a-5f0c8a3e9b11                2026-01-12T08:00:04Z  PATCH User  3      192.0.2.14    311
");
    question_fits::<answers::BlameOfUser>(&asked, rows[0].clone());
}
