//! The command that asks a question: which parameters are flags, and the whole line for a given question.

use std::borrow::Cow;

use crate::question::all;
use crate::{Described, Kind, Parameter, Place, named};

impl Parameter {
    /// Its flag without the dashes, such as `known-at`. A choice of one word includes the word:
    /// `include-groups`.
    #[must_use]
    pub fn flag(&self) -> String {
        let mut flag = String::new();
        for char in self.name.chars() {
            if char.is_ascii_uppercase() {
                flag.push('-');
            }
            flag.push(char.to_ascii_lowercase());
        }
        match &self.kind {
            Kind::Choice(words) if words.len() == 1 => {
                words.iter().fold(flag, |flag, one| format!("{flag}-{}", one.word))
            }
            _ => flag,
        }
    }

    /// Whether its flag takes no value.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        match &self.kind {
            Kind::Flag => true,
            Kind::Choice(words) => words.len() == 1,
            _ => false,
        }
    }

    /// Whether a command takes it without a flag. `variants` are the questions that share the command.
    #[must_use]
    pub fn is_positional(&self, variants: &[&Described]) -> bool {
        let ends_path = |one: &&Described| one.path.ends_with(&format!("{{{}}}", self.name));
        self.place == Place::Path
            && (self.kind != Kind::App || variants.iter().all(ends_path))
            && variants.iter().all(|one| !one.flags.contains(&self.name))
    }
}

impl Described {
    /// The questions that share its command, in the order of the list.
    #[must_use]
    pub fn variants(name: &str) -> Vec<&'static Described> {
        all().iter().filter(|one| one.name == name).collect()
    }

    /// The command that asks this question with these parameters, quoted for a shell.
    #[must_use]
    pub fn command_line(&self, given: &[(&str, &str)]) -> String {
        let variants = Described::variants(self.name);
        let mut line = format!("provlog {}", self.name);
        for (name, text) in given {
            let Some(parameter) = self.parameter(name).filter(|one| one.kind != Kind::Cursor)
            else {
                continue;
            };
            let text = &*typed(&parameter.kind, text);
            if parameter.is_switch() {
                if text != "false" {
                    line.push_str(&format!(" --{}", parameter.flag()));
                }
            } else if parameter.is_positional(&variants) {
                line.push_str(&format!(" {}", quoted(text)));
            } else if text.starts_with('-') {
                line.push_str(&format!(" --{}={}", parameter.flag(), quoted(text)));
            } else {
                line.push_str(&format!(" --{} {}", parameter.flag(), quoted(text)));
            }
        }
        line
    }
}

/// The text of an address as a command takes it: a bare name is an id in an address, and a user name or a
/// display name in a command unless it is a UUID.
fn typed<'a>(kind: &Kind, text: &'a str) -> Cow<'a, str> {
    match kind {
        Kind::User | Kind::Group => named(text, "id").into(),
        Kind::Groups => {
            // A comma between double quotes belongs to a name.
            let mut is_quoted = false;
            let names = text.split(|one| {
                is_quoted ^= one == '"';
                one == ',' && !is_quoted
            });
            names.map(|name| named(name, "id")).collect::<Vec<_>>().join(",").into()
        }
        _ => text.into(),
    }
}

/// A text as one word of a POSIX shell.
#[must_use]
pub fn quoted(text: &str) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "-_.,:/@%+=".contains(one);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Members, Question, described};

    fn line<Q: Question>(given: &[(&str, &str)]) -> String {
        described::<Q>().unwrap().command_line(given)
    }

    #[test]
    fn a_question_is_one_command() {
        let group = [("app", "boat"), ("group", "displayName:Deck crew")];
        assert_eq!(line::<Members>(&group), "provlog members --app boat 'displayName:Deck crew'");
        let nested = [group.as_slice(), &[("nested", "true"), ("at", "-90d")]].concat();
        assert_eq!(
            line::<Members>(&nested),
            "provlog members --app boat 'displayName:Deck crew' --nested --at=-90d"
        );
        let next = [group.as_slice(), &[("cursor", "x"), ("limit", "5")]].concat();
        assert!(line::<Members>(&next).ends_with("--limit 5"));
        assert_eq!(line::<crate::OneApp>(&[("app", "boat")]), "provlog app show boat");
    }

    #[test]
    fn a_bare_id_stays_an_id() {
        let check =
            |kind: Kind, text: &str, expected: &str| assert_eq!(typed(&kind, text), expected);
        let uuid = "2819c223-7f76-453a-919d-413861904646";
        check(Kind::User, "26", "id:26");
        check(Kind::User, uuid, uuid);
        check(Kind::Group, "displayName:26", "displayName:26");
        check(Kind::Groups, "7,displayName:A", "id:7,displayName:A");
        let quoted = r#""a,b",externalId:"c,d",e"#;
        check(Kind::Groups, quoted, r#"id:"a,b",externalId:"c,d",id:e"#);
        check(Kind::Text, "26", "26");
    }

    #[test]
    fn a_shell_reads_one_word() {
        for (text, expected) in [
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
            ("userName:mira@fjord.example", "userName:mira@fjord.example"),
            ("a\nb", "'a\nb'"),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
