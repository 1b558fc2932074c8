//! Profiles are read, and tell what is usual.

use serde_json::json;

use super::*;
use crate::diff::diff;

const HOOTSUITE: &str = "urn:ietf:params:scim:schemas:extension:Hootsuite:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn at<'a>(profiles: &'a Profiles, name: &str, day: &str) -> &'a ProfileVersion {
    let day: NaiveDate = day.parse().unwrap();
    let noon = day.and_hms_opt(12, 0, 0).unwrap().and_utc().timestamp_micros();
    let (version, times) = profiles.get(name).unwrap().at(noon);
    assert!(times.contains(&noon), "{times:?}");
    version
}

#[track_caller]
fn check(profile: &str, day: &str, kind: &str, state: Value, expected: &[&str]) {
    let (registry, profiles) = Profiles::built_in();
    let version = at(&profiles, profile, day);
    let resource_type = registry.resource_type(kind).unwrap();
    let changes = diff(&Map::new(), state.as_object().unwrap());
    let found: Vec<_> = version.unexpected(resource_type, &changes).into_iter().collect();
    assert_eq!(found, expected);
}

#[test]
fn an_attribute_is_judged_by_the_version_of_its_day() {
    let user = json!({
        "id": "u-1", "userName": "mira@fjord.test", HOOTSUITE: {"teamIds": "7"},
        "name": {"givenName": "Mira"},
    });
    let team = format!("{HOOTSUITE}:teamIds");
    check("hootsuite", "2020-06-01", "User", user.clone(), &["name.givenName"]);
    check("hootsuite", "2019-01-01", "User", user.clone(), &["name.givenName"]);
    check("hootsuite", "2020-10-21", "User", user.clone(), &["name.givenName"]);
    check("hootsuite", "2020-10-22", "User", user.clone(), &[&team]);
    check("hootsuite", "2026-11-20", "User", user.clone(), &[&team]);
    check("generic", "2026-11-20", "User", user, &[]);
}

#[test]
fn elements_are_judged_by_their_type_and_parts() {
    let emails = json!({"emails": [
        {"type": "work", "value": "a@fjord.test", "primary": true, "display": "A"},
        {"type": "Personal", "value": "b@fjord.test"},
        {"type": "home", "value": "c@fjord.test"},
        {"value": "d@fjord.test"},
    ]});
    check(
        "jostle",
        "2026-01-01",
        "User",
        emails,
        &["emails.value", "emails[type eq \"home\"].type", "emails[type eq \"home\"].value"],
    );
    let address = json!({
        "addresses": [{"type": "work", "country": "NO", "locality": "Bergen"}],
        ENTERPRISE: {"department": "Deck", "division": "North", "costCenter": "7"},
    });
    let (cost, division) = (format!("{ENTERPRISE}:costCenter"), format!("{ENTERPRISE}:division"));
    let locality = "addresses[type eq \"work\"].locality";
    check("hoxhunt", "2021-04-19", "User", address.clone(), &[locality, &cost, &division]);
    check("hoxhunt", "2021-04-20", "User", address, &[locality, &cost]);
    check("howspace", "2026-01-01", "Group", json!({"displayName": "A", "externalId": "g"}), &[]);
}

#[test]
fn groups_are_there_or_not() {
    let (registry, profiles) = Profiles::built_in();
    let group = registry.resource_type("Group").unwrap();
    for (name, has_groups) in [
        ("generic", true),
        ("strict", true),
        ("hootsuite", true),
        ("howspace", true),
        ("hoxhunt", false),
        ("jostle", false),
    ] {
        let version = at(&profiles, name, "2026-11-20");
        assert_eq!(version.serves(group), has_groups, "{name}");
        assert!(version.serves(registry.resource_type("User").unwrap()));
    }
}

#[test]
fn discovery_shows_a_profile_what_it_lists() {
    let (registry, profiles) = Profiles::built_in();
    let shown = |name: &str, day: &str| {
        let version = at(&profiles, name, day);
        let all = registry.schemas().iter();
        let shown = all.filter(|schema| profiles.shows(version, &registry, schema));
        shown.map(|schema| schema.id.rsplit(':').nth(2).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(shown("generic", "2026-01-01"), ["core", "core", "enterprise"]);
    assert_eq!(shown("hootsuite", "2020-06-01"), ["core", "core", "Hootsuite"]);
    assert_eq!(shown("hootsuite", "2026-01-01"), ["core", "core"]);
    assert_eq!(shown("hoxhunt", "2026-01-01"), ["core", "enterprise"]);
    assert_eq!(shown("jostle", "2026-01-01"), ["core", "jostle"]);
}

#[test]
fn required_and_filterable_attributes() {
    let (registry, profiles) = Profiles::built_in();
    let group = registry.resource_type("Group").unwrap();
    let user = registry.resource_type("User").unwrap();
    let version = at(&profiles, "howspace", "2026-11-20");
    let missing =
        |state: Value| version.missing(group, state.as_object().unwrap()).map(AttrPath::to_string);
    assert_eq!(missing(json!({"displayName": "A"})).as_deref(), Some("externalId"));
    assert_eq!(missing(json!({"displayName": "A", "externalId": "g"})), None);
    let unfilterable = |text: &str| {
        let filter = Filter::parse(text, Some(user), &registry).unwrap();
        version.unfilterable(user, &filter).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(unfilterable("userName eq \"a\""), [""; 0]);
    assert_eq!(unfilterable("id eq \"a\" and userName sw \"b\""), [""; 0]);
    let filter = "externalId eq \"a\" or not (emails[type eq \"work\"].value eq \"b\")";
    assert_eq!(unfilterable(filter), ["emails", "externalId"]);
}

#[test]
fn settings_are_the_profiles_under_the_applications_own() {
    let (_, profiles) = Profiles::built_in();
    let strict = at(&profiles, "strict", "2026-11-20");
    assert_eq!(strict.settings(b"{}"), Settings::strict());
    let own = strict.settings(br#"{"lenient_booleans": true}"#);
    assert_eq!(own, Settings { lenient_booleans: true, ..Settings::strict() });
    assert_eq!(profiles.get("generic").unwrap().versions()[0].settings(b""), Settings::generic());
}

#[test]
fn a_setting_that_cannot_be_read_leaves_the_others_as_they_are() {
    let (_, profiles) = Profiles::built_in();
    let strict = at(&profiles, "strict", "2026-11-20");
    let limited = Settings { requests_per_second_max: 7, ..Settings::strict() };
    for unreadable in [
        r#""patch_miss": "guess""#,
        r#""lenient_booleans": "yes""#,
        r#""no_setting_any_more": true"#,
        r#""requests_per_second_max": -1, "patch_miss": null"#,
    ] {
        let own = format!(r#"{{{unreadable}, "unique_group_names": true}}"#);
        let expected = Settings { unique_group_names: true, ..Settings::strict() };
        assert_eq!(strict.settings(own.as_bytes()), expected, "{own}");
    }
    let around = br#"{"a": 1, "requests_per_second_max": 7, "zzz": {}}"#;
    assert_eq!(strict.settings(around), limited);
    for unreadable in ["", "[]", "null", "{", r#"{"patch_miss""#] {
        assert_eq!(strict.settings(unreadable.as_bytes()), Settings::strict(), "{unreadable}");
    }
}

const PAPERBOAT: &str = r#"
name = "paperboat"
title = "Paperboat"
[extensions."urn:example:paperboat:2.0:User"]
berth = "string"
keys = "string[]"
[[versions]]
[versions.users]
attributes = ["userName", "urn:example:paperboat:2.0:User:berth"]
"#;

#[test]
fn a_file_adds_a_profile_and_its_extension() {
    let files = [("p.toml".to_owned(), PAPERBOAT.to_owned())];
    let (registry, profiles) = Profiles::load(&[], &files).unwrap();
    let user = registry.resource_type("User").unwrap();
    assert_eq!(user.extension("urn:example:paperboat:2.0:User"), Some(false));
    let keys = AttrPath::parse("urn:example:paperboat:2.0:User:keys", Some(user), &registry);
    assert!(registry.attribute(Some(user), &keys.unwrap()).unwrap().multi_valued);
    assert_eq!(profiles.get("paperboat").unwrap().title, "Paperboat");
    assert_eq!(profiles.all().count(), 7);
    // A schema file may say more of the same extension.
    let schema = r#"{"id": "urn:example:paperboat:2.0:User", "name": "P", "extends": ["User"],
        "attributes": [{"name": "berth", "type": "integer"}]}"#;
    let schemas = [("s.json".to_owned(), schema.to_owned())];
    let (registry, _) = Profiles::load(&schemas, &files).unwrap();
    let berth = &registry.schema("urn:example:paperboat:2.0:User").unwrap().attributes;
    assert_eq!(berth.len(), 1);
}

#[test]
fn a_bad_file_is_refused_with_its_line() {
    #[track_caller]
    fn check(text: &str, line: usize, detail: &str) {
        let files = [("p.toml".to_owned(), text.to_owned())];
        let error = Profiles::load(&[], &files).unwrap_err();
        assert_eq!((error.file.as_str(), error.line), ("p.toml", line), "{error}");
        assert!(error.detail.contains(detail), "{error}");
    }
    let with = |old: &str, new: &str| {
        assert!(PAPERBOAT.contains(old), "{old}");
        PAPERBOAT.replace(old, new)
    };
    check("name = ", 1, "");
    check("name = \"x\"", 1, "versions");
    check(&with("title =", "titel ="), 3, "unknown field `titel`");
    check(&with("\"paperboat\"", "\"Paper boat\""), 2, "a-z");
    check(&with("\"paperboat\"", "\"generic\""), 2, "another profile");
    check(&with("\"string[]\"", "\"text\""), 6, "one of string");
    check(&with("berth = ", "\"bad name\" = "), 4, "bad");
    check(&with("\"userName\"", "\"userNam\""), 9, "userNam: no schema");
    check(&with("\"userName\"", "\"emails[value eq 7]\""), 9, "emails");
    check(&with("\"userName\"", "\"emails[\""), 9, "emails[");
    check(&with("[[versions]]", "[[versions]]\nfrom = 2024-01-01T00:00:00Z"), 8, "a day");
    check(&with("[[versions]]", "[[versions]]\nfrom = 2024-13-01"), 8, "");
    check(&with("[[versions]]", "[settings]\npatch_mis = \"error\"\n[[versions]]"), 7, "patch_mis");
    let later = format!("{PAPERBOAT}[[versions]]\n[versions.users]\n");
    check(&later, 10, "later");
    check(
        &with(
            "attributes = ",
            "required = [\"emails[type eq \\\"work\\\"].value\"]\nattributes = ",
        ),
        9,
        "required",
    );
}
