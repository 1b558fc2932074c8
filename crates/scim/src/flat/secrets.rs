//! What in a text must be looked at before the text may be stored: whether it could hold one of our
//! tokens, or could name an attribute whose values are secret. In doubt a text is not plain.

use crate::schema::{Mutability, Registry};

/// What a secret's name contains, beside the names of writeOnly attributes.
const SECRET_WORDS: [&str; 4] = ["password", "passwd", "passphrase", "pwd"];

/// Letters and digits, in lower case, of which one stands in every name of a secret.
#[derive(Clone, Debug)]
pub(super) struct Marks(Vec<Vec<u8>>);

impl Marks {
    /// Those of the schemas' writeOnly attributes and of further names.
    pub(super) fn of(registry: &Registry, names: &[&str]) -> Marks {
        let attributes = registry.schemas().iter().flat_map(|schema| &schema.attributes);
        let all = attributes.flat_map(|one| std::iter::once(one).chain(&one.sub_attributes));
        let hidden = all.filter(|one| one.mutability == Mutability::WriteOnly);
        let names = hidden.map(|one| one.name.as_str()).chain(names.iter().copied());
        let mut marks: Vec<Vec<u8>> = names.chain(SECRET_WORDS).map(squashed).collect();
        marks.sort_unstable();
        marks.dedup();
        // A mark within another finds both.
        let short = marks.clone();
        marks.retain(|one| {
            !one.is_empty() && !short.iter().any(|mark| mark != one && holds(one, mark))
        });
        Marks(marks)
    }

    /// Whether a text may name a secret: it does not, whatever stands between the letters. Text that is
    /// not ASCII may, because its letter case is not looked into.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let squashed = squashed(text);
        !text.is_ascii() || self.0.iter().any(|mark| holds(&squashed, mark))
    }
}

fn squashed(text: &str) -> Vec<u8> {
    let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
    letters.map(|byte| byte.to_ascii_lowercase()).collect()
}

pub(super) fn holds(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

/// What a text has. Bits of a byte's class.
pub(super) type Class = u8;
/// Ends the text, or is an escape or a control character.
pub(super) const END: Class = 1;
/// A sign around which a text may assign a value to a name.
pub(super) const SIGN: Class = 2;
/// Stands in a token.
pub(super) const UNDERSCORE: Class = 4;
/// Begins an escape of an address, which may hide anything.
pub(super) const PERCENT: Class = 8;
/// Not ASCII.
pub(super) const WIDE: Class = 16;

/// The class of each byte.
pub(super) static CLASSES: [Class; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'"' | b'\\' | 0..0x20 => END,
            b'{' | b'[' | b'=' | b':' | b'<' | b'>' => SIGN,
            b'_' => UNDERSCORE,
            b'%' => PERCENT,
            0x80.. => WIDE,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Whether a text without escapes could hold one of our tokens, which begin with `plg_` in any case.
pub(super) fn may_hold_token(text: &[u8]) -> bool {
    let mut windows = text.windows(4);
    windows.any(|window| window[3] == b'_' && window.eq_ignore_ascii_case(b"plg_"))
}
