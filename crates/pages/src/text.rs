//! How texts are written into HTML.

use std::borrow::Cow;
use std::fmt::{self, Write};

use askama::filters::{Escaper, Html, Safe};

/// The escaper of every template: HTML, and a character that acts but is not seen becomes a visible escape
/// like `\u{202e}`. Joiners and variation selectors stay, because scripts and emoji need them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        let mut rest = string;
        while let Some((at, char)) = rest.char_indices().find(|(_, char)| is_unseen(*char)) {
            Html.write_escaped_str(&mut dest, &rest[..at])?;
            write!(dest, "{}", char.escape_unicode())?;
            rest = &rest[at + char.len_utf8()..];
        }
        Html.write_escaped_str(dest, rest)
    }

    fn write_escaped_char<W: Write>(&self, mut dest: W, char: char) -> fmt::Result {
        if is_unseen(char) {
            write!(dest, "{}", char.escape_unicode())
        } else {
            Html.write_escaped_char(dest, char)
        }
    }
}

/// Whether a character acts and is not seen.
pub(crate) fn is_unseen(char: char) -> bool {
    (char.is_control() && !matches!(char, '\n' | '\t'))
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e00ff}')
}

/// A text as HTML, for markup that is not made by a template.
#[must_use]
pub fn html(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 8);
    // Writing into a String cannot fail.
    let _ = Visible.write_escaped_str(&mut written, text);
    written
}

/// A text as HTML that may go on in the next line within a long name: after the `@` of an address, and between
/// the parts of a URN. Elsewhere a browser breaks such a name at any letter.
#[must_use]
pub fn breaking(text: impl AsRef<str>) -> Safe<String> {
    let parts = text.as_ref().split_inclusive(['@', ':']);
    Safe(parts.map(html).collect::<Vec<_>>().join("<wbr>"))
}

/// A text for a place with little room: a long one is cut and says how long it is. The whole is elsewhere on the page.
#[must_use]
pub fn cut(text: &str, chars: usize) -> Cow<'_, str> {
    // Bytes first: counting the characters of a long text for every place would be waste.
    if text.len() <= chars {
        return Cow::Borrowed(text);
    }
    match text.char_indices().nth(chars) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let length = grouped(text.chars().count() as u64);
            Cow::Owned(format!("{}… ({length} characters)", &text[..end]))
        }
    }
}

/// The number with a comma between groups of three digits.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A text with a time in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// What comes before.
    pub before: &'a str,
    /// The time, RFC 3339 in UTC.
    pub time: &'a str,
    /// The time as people read it, to the second: `2026-03-31 17:00:00`.
    pub second: String,
    /// What comes after.
    pub after: &'a str,
}

/// The first time in a text.
#[must_use]
pub fn time_in(text: &str) -> Option<Told<'_>> {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let is_time = |window: &[u8]| {
        window.iter().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        })
    };
    let start = text.as_bytes().windows(FORM.len()).position(is_time)?;
    let seconds = start + FORM.len();
    let rest = text.get(seconds..)?;
    let end = match rest.strip_prefix('.') {
        Some(part) => 1 + part.find(|char: char| !char.is_ascii_digit())?,
        None => 0,
    };
    let end = rest[end..].starts_with('Z').then_some(seconds + end + 1)?;
    let time = &text[start..end];
    let second = format!("{} {}", &time[..10], &time[11..19]);
    Some(Told { before: &text[..start], time, second, after: &text[end..] })
}

/// A time as people read it, to the second: `2026-03-31 17:00:00`. Anything else stays as it is.
#[must_use]
pub fn second(moment: &str) -> String {
    match time_in(moment) {
        Some(told) => format!("{}{}{}", told.before, told.second, told.after),
        None => moment.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_in_a_page() {
        let check = |text: &str, expected: &str| assert_eq!(html(text), expected, "{text:?}");
        check("<b>\"&'</b>", "&#60;b&#62;&#34;&#38;&#39;&#60;/b&#62;");
        check("\u{202e}gpj.exe\u{2066}", r"\u{202e}gpj.exe\u{2066}");
        check("\0\u{1b}[31m\r\u{85}", r"\u{0}\u{1b}[31m\u{d}\u{85}");
        check("two\nlines\tand more", "two\nlines\tand more");
        check("👩\u{200d}🔧 ❤\u{fe0f} می\u{200c}خواهم", "👩\u{200d}🔧 ❤\u{fe0f} می\u{200c}خواهم");
        let mut written = String::new();
        for char in ['<', '\u{feff}', 'a'] {
            Visible.write_escaped_char(&mut written, char).unwrap();
        }
        assert_eq!(written, r"&#60;\u{feff}a");
    }

    #[test]
    fn a_long_name_breaks_between_its_parts() {
        let check = |text: &str, expected: &str| assert_eq!(breaking(text).0, expected);
        check("mira@fjord.example", "mira@<wbr>fjord.example");
        check("urn:x:<2.0>:User", "urn:<wbr>x:<wbr>&#60;2.0&#62;:<wbr>User");
        check("", "");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(cut("éé", 2), "éé");
        assert_eq!(cut("ééé", 2), "éé… (3 characters)");
        assert_eq!(cut(&"x".repeat(70_000), 3), "xxx… (70,000 characters)");
    }

    #[test]
    fn numbers_have_groups() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (36_000_000, "36,000,000")]
        {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn times_are_to_the_second() {
        assert_eq!(second("2026-03-31T17:00:00.123456Z"), "2026-03-31 17:00:00");
        assert_eq!(second("2026-03-31T17:00:00Z"), "2026-03-31 17:00:00");
        assert_eq!(second("by 2026-03-31T17:00:00Z (event 5)"), "by 2026-03-31 17:00:00 (event 5)");
        assert_eq!(second("2026-03-31T17:00:00.5é"), "2026-03-31T17:00:00.5é");
        assert_eq!(second("2026-03-31T17:00:00"), "2026-03-31T17:00:00");
        assert_eq!(second("2026-03-31"), "2026-03-31");
        assert_eq!(second("Ünläufig T und viel mehr Z"), "Ünläufig T und viel mehr Z");
    }
}
