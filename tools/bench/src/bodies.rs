//! Bodies as an identity provider sends them. All persons in them are invented.

use uuid::Uuid;

const GIVEN: [&str; 16] = [
    "Ana", "Bram", "Chidi", "Dagny", "Emre", "Freya", "Goran", "Hana", "Idris", "Jonna", "Kenji",
    "Leila", "Mateo", "Noor", "Oskar", "Priya",
];
const FAMILY: [&str; 16] = [
    "Abbott",
    "Bergström",
    "Castellano",
    "Dvořák",
    "Eriksen",
    "Fontaine",
    "Grabowski",
    "Haddad",
    "Ivanova",
    "Jimenez",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Okafor",
    "Petrov",
];
const DEPARTMENTS: [&str; 12] = [
    "Accounts Payable",
    "Field Service",
    "Finance",
    "Human Resources",
    "Infrastructure",
    "Legal",
    "Logistics",
    "Manufacturing",
    "Marketing",
    "Procurement",
    "Research",
    "Sales",
];
const TITLES: [&str; 10] = [
    "Accountant",
    "Analyst",
    "Buyer",
    "Consultant",
    "Coordinator",
    "Director",
    "Engineer",
    "Manager",
    "Specialist",
    "Technician",
];
const CITIES: [&str; 6] = ["Aarhus", "Bologna", "Cork", "Dresden", "Espoo", "Ghent"];

fn of<'a>(list: &[&'a str], number: usize) -> &'a str {
    list[number % list.len()]
}

/// The userName of a person.
pub fn user_name(person: u32) -> String {
    let number = person as usize;
    let family = ["abbott", "bergstrom", "castellano", "dvorak", "eriksen", "fontaine"];
    format!("{}.{:06}@northwind.test", of(&family, number / 16), person)
}

/// A user of about 1.2 KB.
pub fn user(person: u32) -> String {
    user_with_title(person, of(&TITLES, person as usize / 3))
}

/// The same user with another title.
pub fn user_with_title(person: u32, title: &str) -> String {
    let number = person as usize;
    let (given, family) = (of(&GIVEN, number), of(&FAMILY, number / 16));
    let name = user_name(person);
    let city = of(&CITIES, number / 5);
    format!(
        concat!(
            r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","#,
            r#""urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"#,
            r#""externalId":"{external}","userName":"{name}","active":true,"#,
            r#""displayName":"{given} {family}","title":"{title}","userType":"Employee","#,
            r#""preferredLanguage":"en-GB","timezone":"Europe/Copenhagen","#,
            r#""name":{{"formatted":"{given} {family}","familyName":"{family}","givenName":"{given}"}},"#,
            r#""emails":[{{"primary":true,"type":"work","value":"{name}"}},"#,
            r#"{{"type":"other","value":"other.{name}"}}],"#,
            r#""phoneNumbers":[{{"type":"work","value":"+45 70 {person:06}"}},"#,
            r#"{{"type":"mobile","value":"+45 20 {person:06}"}}],"#,
            r#""addresses":[{{"type":"work","primary":true,"formatted":"Harbour Street {number}, {city}","#,
            r#""streetAddress":"Harbour Street {number}","locality":"{city}","region":"North","#,
            r#""postalCode":"{postal:05}","country":"DK"}}],"#,
            r#""urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{{"#,
            r#""employeeNumber":"{person:08}","costCenter":"CC-{cost:04}","organization":"Northwind Shipping","#,
            r#""division":"{division}","department":"{department}"}}}}"#,
        ),
        external = external_id(person),
        name = name,
        given = given,
        family = family,
        title = title,
        person = person,
        number = number % 240,
        city = city,
        postal = number % 90_000,
        cost = number % 1_000,
        division = of(&CITIES, number / 7),
        department = of(&DEPARTMENTS, number / 11),
    )
}

/// The id that the directory has for a person.
fn external_id(person: u32) -> Uuid {
    let bits = u128::from(person).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
}

const PATCH: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":"#;

/// A PATCH of one or two ordinary attributes; `variant` says which and to what.
pub fn patch_user(person: u32, variant: usize) -> String {
    let title = of(&TITLES, variant / 8);
    let department = of(&DEPARTMENTS, variant / 8);
    let department_path = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    let replace = |path: &str, value: &str| {
        format!(r#"{{"op":"Replace","path":"{path}","value":"{value}"}}"#)
    };
    let operations = match variant % 8 {
        0..=2 => replace("title", title),
        3 | 4 => replace(department_path, department),
        5 => {
            let given = of(&GIVEN, variant / 8);
            replace("displayName", &format!("{given} {}", of(&FAMILY, person as usize / 16)))
        }
        6 => {
            let value = format!("+45 20 {:06}", variant % 1_000_000);
            replace(r#"phoneNumbers[type eq \"mobile\"].value"#, &value)
        }
        _ => format!("{},{}", replace("title", title), replace(department_path, department)),
    };
    format!("{PATCH}[{operations}]}}")
}

/// A PATCH of the title alone.
pub fn set_title(title: &str) -> String {
    format!(r#"{PATCH}[{{"op":"Replace","path":"title","value":"{title}"}}]}}"#)
}

/// A Bulk request of creates; `mark` is in every userName.
pub fn bulk_of_creates(operations: usize, mark: &str) -> String {
    let creates = (0..operations as u32).map(|place| {
        let name = format!("bulk.{place}.{mark}@northwind.test");
        let data = user(place).replace(&user_name(place), &name);
        format!(r#"{{"method":"POST","path":"/Users","bulkId":"{place}","data":{data}}}"#)
    });
    let creates: Vec<String> = creates.collect();
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{}]}}"#,
        creates.join(",")
    )
}

/// Activates or deactivates a user, in Entra's dialect.
pub fn set_active(active: bool) -> String {
    let value = if active { "True" } else { "False" };
    format!(r#"{PATCH}[{{"op":"Replace","path":"active","value":"{value}"}}]}}"#)
}

/// The displayName of a group after `renamed` renames.
pub fn group_name(group: u32, renamed: u32) -> String {
    let department = of(&DEPARTMENTS, group as usize);
    if renamed == 0 {
        format!("{department} {group:05}")
    } else {
        format!("{department} {group:05} ({renamed})")
    }
}

/// A group without members.
pub fn group(group: u32) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"{}","displayName":"{}"}}"#,
        external_id(u32::MAX - group),
        group_name(group, 0)
    )
}

/// Renames a group.
pub fn rename(group: u32, renamed: u32) -> String {
    let name = group_name(group, renamed);
    format!(r#"{PATCH}[{{"op":"Replace","path":"displayName","value":"{name}"}}]}}"#)
}

/// Adds members to a group or removes them, in Entra's dialect.
pub fn members(add: bool, ids: &[Uuid]) -> String {
    let op = if add { "Add" } else { "Remove" };
    let mut text = format!(r#"{PATCH}[{{"op":"{op}","path":"members","value":["#);
    for (place, id) in ids.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&format!(r#"{{"value":"{id}"}}"#));
    }
    text.push_str("]}]}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_of_the_size_that_was_promised() {
        for person in [0, 17, 99_999] {
            let text = user(person);
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
            assert!((1_050..1_450).contains(&text.len()), "{}", text.len());
        }
        let ids = [Uuid::nil(), Uuid::max()];
        let mut texts =
            vec![members(true, &ids), members(false, &ids[..1]), group(3), rename(3, 1)];
        texts.extend((0..64).map(|variant| patch_user(5, variant)));
        texts.extend([set_active(false), set_title("Buyer"), bulk_of_creates(3, "0")]);
        for text in texts {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
}
